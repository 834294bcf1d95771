"""The connection that keeps the cache valid is closed, hangs, or dies silently."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from services.api.middleware.response_cache import ResponseCache
from shared.redis.invalidation import VALIDITY_S
from shared.redis.store import Fields, Save, Store
from testing.eventually import eventually, eventually_async
from testing.redis_server import RedisServer
from testing.tcp_proxy import TcpProxy
from tests.api.golden import BOT, RICH
from tests.api.http_client import ask
from tests.api.replica import serving, warm

PATH = f"/activity/{RICH.user_id}"
CHANGED = Save(RICH.user_id, Fields(RICH.profile, BOT.presence, b"{}"))


@pytest.fixture
async def redis() -> AsyncIterator[RedisServer]:
    async with RedisServer() as server:
        yield server


@pytest.fixture
async def store(redis: RedisServer) -> AsyncIterator[Store]:
    async with Store.connect(redis.url) as store:
        await store.save([RICH.save()])
        yield store


@pytest.fixture
async def proxy(redis: RedisServer) -> AsyncIterator[TcpProxy]:
    proxy = TcpProxy("redis", redis.port)
    await proxy.start()
    yield proxy
    await proxy.close()


async def test_a_killed_connection(store: Store, redis: RedisServer) -> None:
    """The cache is emptied, every response is right meanwhile, and the cache is used again."""
    cache = ResponseCache()
    async with serving(store, cache=cache) as port:
        for save, body in ((CHANGED, BOT.activity), (RICH.save(), RICH.activity)) * 3:
            await warm(port, cache, PATH)
            await store.redis.client_kill_filter(_type="pubsub")
            await store.save([save])

            async def right(body: bytes = body) -> bool:
                return (await ask(port, PATH)).body == body

            await eventually_async(right)
        await warm(port, cache, PATH)
        assert (await ask(port, PATH)).body == RICH.activity


@pytest.mark.parametrize("empty", [True, False])
async def test_redis_restarts(store: Store, redis: RedisServer, empty: bool) -> None:
    cache = ResponseCache()
    async with serving(store, cache=cache) as port:
        await warm(port, cache, PATH)
        await redis.restart(empty=empty)
        await eventually(lambda: cache.trusted and len(cache) == 0)
        assert (await ask(port, PATH)).status == (404 if empty else 200)
        await store.save([CHANGED, Save(RICH.user_id, CHANGED.fields, joined=(1,))])
        await warm(port, cache, PATH)
        assert (await ask(port, PATH)).body == BOT.activity


async def test_redis_is_gone(store: Store, redis: RedisServer) -> None:
    cache = ResponseCache()
    async with serving(store, cache=cache) as port:
        await warm(port, cache, PATH)
        await redis.kill()
        await eventually(lambda: not cache.trusted)
        answer = await ask(port, PATH)
        assert (answer.status, answer.header("retry-after")) == (503, "5")


async def test_redis_hangs(store: Store, redis: RedisServer) -> None:
    """Cached responses are served for a moment, and then no longer."""
    cache = ResponseCache()
    async with serving(store, cache=cache) as port:
        await warm(port, cache, PATH)
        await redis.pause()
        await eventually(lambda: not cache.trusted)
        assert (await ask(port, PATH)).status == 503
        await redis.resume()
        await warm(port, cache, PATH)
        assert (await ask(port, PATH)).body == RICH.activity


async def test_the_connection_dies_silently(store: Store, proxy: TcpProxy) -> None:
    """Without an error, invalidations stop arriving: the cache is not used after two seconds."""
    cache = ResponseCache()
    tracking_url = f"redis://127.0.0.1:{proxy.port}/0"
    async with serving(store, cache=cache, tracking_url=tracking_url) as port:
        await warm(port, cache, PATH)
        loop = asyncio.get_running_loop()
        proxy.stall()
        silent_since = loop.time()
        await store.save([CHANGED])

        async def right() -> bool:
            asked = loop.time()
            body = (await ask(port, PATH)).body
            assert body == BOT.activity or asked < silent_since + VALIDITY_S
            return body == BOT.activity

        await eventually_async(right)
        assert not cache.trusted
        proxy.heal()
        await warm(port, cache, PATH)
        assert (await ask(port, PATH)).body == BOT.activity
