"""Commands are packed in C, on each kind of connection."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import InvalidResponse, ResponseError

from shared.redis import clients
from shared.redis.connections import PackedConnection, PackedTlsConnection, PackedUnixConnection
from testing.eventually import PATIENCE
from testing.redis_server import RedisServer

WORDS = ("text", "日本", b"\xff\r\n", "", 7, -(2**62), 1.5)
STORED = [b"text", "日本".encode(), b"\xff\r\n", b"", b"7", b"-4611686018427387904", b"1.5"]


async def store_words(redis: clients.Commands) -> None:
    """Alone, and in a batch with a name that redis-py gives in one word."""
    assert isinstance(redis, Redis)
    await redis.rpush("words", *WORDS)
    assert await redis.lrange("words", 0, -1) == STORED
    pipe = redis.pipeline(transaction=False)
    pipe.rpush("more", *WORDS)
    pipe.config_get("port")
    pipe.lrange("more", 0, -1)
    assert (await pipe.execute())[::2] == [len(WORDS), STORED]


async def test_what_is_no_word_is_a_mistake_of_ours(shared_redis: RedisServer) -> None:
    """And not one of Redis, after which the call would be repeated. The connection still works."""
    async with clients.commands(shared_redis.url, timeout=PATIENCE, connections=1) as redis:
        assert isinstance(redis, Redis)
        await redis.delete("key")
        pipe = redis.pipeline(transaction=False)
        pipe.execute_command("SET", "key", None)
        with pytest.raises(TypeError):
            await pipe.execute()
        assert await redis.get("key") is None


async def test_words_arrive_as_they_are(tmp_path: Path) -> None:
    """Over TCP and over a socket of the file system. Whatever their type and their bytes."""
    socket = tmp_path / "redis.sock"
    async with RedisServer("--unixsocket", str(socket)) as server:
        for url in (server.url, f"unix://{socket}"):
            async with clients.commands(url, timeout=PATIENCE, connections=1) as redis:
                await redis.flushall()
                await store_words(redis)


@pytest.mark.parametrize("protocol_error", [False, True])
async def test_replies_that_have_arrived(shared_redis: RedisServer, protocol_error: bool) -> None:
    """All of them, in order, however they were cut on their way; an error ends them."""
    connection: PackedConnection = clients.single_pool(
        shared_redis.url, timeout=PATIENCE
    ).make_connection()  # type: ignore[no-untyped-call]
    await connection.connect()  # type: ignore[no-untyped-call]
    words = [b"%d" % number * (number % 97 + 1) for number in range(2000)]
    commands = [("ECHO", word) for word in words]
    await connection.send_packed_command(connection.pack_commands(commands), check_health=False)
    replies: list[bytes] = []
    waits = 0
    while len(replies) < len(words):
        waits += 1
        replies += [await connection.read_response(), *connection.arrived()]
    assert replies == words
    assert waits < len(words) / 10
    assert list(connection.arrived()) == []
    parser: Any = connection._parser
    parser._reader.feed(b"+a\r\n" + (b"?" if protocol_error else b"-ERR no\r\n+b\r\n"))
    arrived = connection.arrived()
    assert next(arrived) == b"a"
    with pytest.raises(InvalidResponse if protocol_error else ResponseError):
        next(arrived)
    await connection.disconnect()


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("redis://localhost", PackedConnection),
        ("rediss://localhost", PackedTlsConnection),
        ("unix:///run/redis.sock", PackedUnixConnection),
        ("redis+sentinel://localhost/main", PackedConnection),
        ("rediss+sentinel://localhost/main", PackedConnection),
    ],
)
def test_each_address_leads_to_such_a_connection(url: str, kind: type) -> None:
    """Also the one that Sentinels name."""
    pool = clients.single_pool(url, timeout=PATIENCE)
    assert issubclass(pool.connection_class, kind)
