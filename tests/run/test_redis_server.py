"""The Redis server that other tests use."""

from __future__ import annotations

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import TimeoutError as NoAnswer

from testing.redis_server import RedisServer


async def test_it_is_empty_after_a_restart_unless_asked_to_keep() -> None:
    """A restart deletes all keys, unless empty=False."""
    async with RedisServer() as server:
        async with Redis.from_url(server.url) as redis:
            await redis.set("key", "kept")
        await server.restart(empty=False)
        async with Redis.from_url(server.url) as redis:
            assert await redis.get("key") == b"kept"
        await server.restart()
        async with Redis.from_url(server.url) as redis:
            assert await redis.get("key") is None


async def test_a_killed_server_refuses_connections() -> None:
    """After kill() nothing listens; start() starts a server on the same port."""
    async with RedisServer() as server, Redis.from_url(server.url, retry=None) as redis:
        await server.kill()
        with pytest.raises(NoConnection):
            await redis.ping()
        await server.start()
        assert await redis.ping()


async def test_a_paused_server_is_silent_until_resumed() -> None:
    """A paused server keeps its connections open, and does not respond."""
    async with (
        RedisServer() as server,
        Redis.from_url(server.url, retry=None) as patient,
        Redis.from_url(server.url, socket_timeout=0.1, retry=None) as hasty,
    ):
        await patient.ping()
        await server.pause()
        with pytest.raises(NoAnswer):
            await hasty.ping()
        await server.resume()
        assert await patient.ping()


@pytest.mark.parametrize("turn", [1, 2])
async def test_the_shared_one_is_empty_for_each_test(redis_url: str, turn: int) -> None:
    """Each test of the shared server starts with an empty one."""
    async with Redis.from_url(redis_url) as redis:
        assert await redis.dbsize() == 0
        await redis.set("turn", turn)
