"""Several commands in one round trip: their replies, and what happens to the connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import pytest
import uvloop
from redis.asyncio import Redis
from redis.exceptions import BusyLoadingError, ResponseError

from shared.redis import clients
from shared.redis.connections import Command
from testing.eventually import PATIENCE, eventually
from testing.redis_server import RedisServer
from testing.tcp_proxy import TcpProxy

TWO: Sequence[Command] = (("GET", "a"), ("GET", "b"))
LOADING = b"-LOADING Redis is loading the dataset in memory\r\n"


class ScriptedRedis:
    """Each connection in turn gets one of these answers to what it sends first; None: no answer."""

    def __init__(self, *answers: bytes | None) -> None:
        self.connections = 0
        self.asked = 0
        self.open = 0
        self.writer: asyncio.StreamWriter | None = None
        self._answers = answers

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answer, self.writer = self._answers[self.connections], writer
        self.connections += 1
        self.open += 1
        while await reader.read(65_536):
            self.asked += 1
            if answer is not None:
                writer.write(answer)
        self.open -= 1
        writer.close()


@asynccontextmanager
async def scripted(*answers: bytes | None) -> AsyncIterator[tuple[ScriptedRedis, clients.Commands]]:
    redis = ScriptedRedis(*answers)
    server = await asyncio.start_server(redis.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    url = f"redis://127.0.0.1:{port}"
    async with clients.commands(url, timeout=PATIENCE, connections=1) as client:
        yield redis, client
    await eventually(lambda: redis.open == 0)
    server.close()


async def test_replies_are_in_order(shared_redis: RedisServer) -> None:
    """What Redis refuses is among them, and affects no other."""
    async with clients.commands(shared_redis.url, timeout=PATIENCE, connections=1) as redis:
        assert isinstance(redis, Redis)
        await redis.flushall()
        await redis.set("text", "x" * 100_000)
        asked: list[Command] = [("GET", "text"), ("HMGET", "text", "f"), ("GET", "no")]
        first, second, third, *rest = await clients.read(redis, asked * 30)
        assert (first, third, len(rest)) == (b"x" * 100_000, None, 87)
        assert isinstance(second, ResponseError)
        assert await clients.read(redis, [("EXISTS", "text", "no")]) == [1]


async def test_a_connection_that_redis_has_closed_is_replaced(shared_redis: RedisServer) -> None:
    """The caller notices nothing."""
    async with clients.commands(shared_redis.url, timeout=PATIENCE, connections=1) as redis:
        assert isinstance(redis, Redis)
        own = await redis.client_id()
        async with Redis.from_url(shared_redis.url) as other:
            await other.client_kill_filter(_id=str(own))
        assert await clients.read(redis, [("EXISTS", "no")]) == [0]


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_connections_that_were_reset_are_replaced(shared_redis: RedisServer, loop: str) -> None:
    """As by a proxy, or a Redis that was killed, while nothing was on its way."""

    def all_were_reset(redis: Redis) -> bool:
        readers = [one._reader for one in redis.connection_pool._available_connections]
        return all(one is not None and one.exception() is not None for one in readers)

    async def read_before_and_after() -> None:
        proxy = TcpProxy("redis", shared_redis.port)
        async with AsyncExitStack() as parts:
            await proxy.start()
            parts.push_async_callback(proxy.close)
            url = f"redis://127.0.0.1:{proxy.port}/0"
            redis = await parts.enter_async_context(
                clients.commands(url, timeout=PATIENCE, connections=8)
            )
            assert isinstance(redis, Redis)
            for _ in range(2):
                reads = (clients.read(redis, [("EXISTS", "no")]) for _ in range(20))
                assert await asyncio.gather(*reads) == [[0]] * 20
                proxy.reset()
                await eventually(partial(all_were_reset, redis))
            assert await redis.exists("no") == 0

    factory = uvloop.new_event_loop if loop == "uvloop" else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(read_before_and_after())


async def test_a_cancelled_read_leaves_no_replies_behind() -> None:
    """The next caller would take them for its own: the connection is closed."""
    async with scripted(None, b"$1\r\nx\r\n$1\r\ny\r\n") as (redis, client):
        reading = asyncio.create_task(clients.read(client, TWO))
        await eventually(lambda: redis.asked == 1)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert await clients.read(client, TWO) == [b"x", b"y"]
        assert redis.connections == 2


async def test_a_reply_in_pieces_is_waited_for() -> None:
    """Of the first command or of another."""
    async with scripted(b"$1\r\nx\r\n$3\r\nab") as (redis, client):
        reading = asyncio.create_task(clients.read(client, TWO))
        await eventually(lambda: redis.asked == 1)
        assert redis.writer is not None
        redis.writer.write(b"c\r\n")
        assert await reading == [b"x", b"abc"]


async def test_a_redis_that_loads_its_data_is_asked_once_more() -> None:
    """Then the caller hears of it, as of a lost connection."""
    async with scripted(LOADING * 2, b"$1\r\nx\r\n$1\r\ny\r\n") as (redis, client):
        assert await clients.read(client, TWO) == [b"x", b"y"]
    async with scripted(LOADING * 2, LOADING * 2) as (redis, client):
        with pytest.raises(BusyLoadingError):
            await clients.read(client, TWO)
        assert redis.connections == 2


async def test_what_is_no_redis_is_not_read_any_further() -> None:
    """The connection is closed."""
    async with scripted(b"HTTP/1.1 400 Bad Request\r\n\r\n") as (redis, client):
        with pytest.raises(clients.FAILURES):
            await clients.read(client, TWO)
        await eventually(lambda: redis.open == 0)
