"""The line that keeps the cache true is cut, hangs, and dies without a word."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from services.api.middleware.response_cache import ResponseCache
from shared.redis.invalidation import TRUE_FOR
from shared.redis.store import Fields, Save, Store
from testing.eventually import eventually, eventually_async
from testing.redis_server import RedisServer
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


async def test_a_killed_connection(store: Store, redis: RedisServer) -> None:
    """Emptied, right all the while, and used again."""
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
async def test_redis_starts_again(store: Store, redis: RedisServer, empty: bool) -> None:
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
    """What is in memory is shown for a moment; then nothing is known any more."""
    cache = ResponseCache()
    async with serving(store, cache=cache) as port:
        await warm(port, cache, PATH)
        await redis.pause()
        await eventually(lambda: not cache.trusted)
        assert (await ask(port, PATH)).status == 503
        await redis.resume()
        await warm(port, cache, PATH)
        assert (await ask(port, PATH)).body == RICH.activity


async def test_the_line_dies_without_a_word(store: Store, redis: RedisServer) -> None:
    """Nobody says that changes no longer arrive: after two seconds nothing comes from memory."""
    cache = ResponseCache()
    async with (
        Proxy(redis.port) as proxy,
        serving(store, cache=cache, tracking_url=proxy.url) as port,
    ):
        await warm(port, cache, PATH)
        loop = asyncio.get_running_loop()
        proxy.open.clear()
        silent = loop.time()
        await store.save([CHANGED])

        async def right() -> bool:
            asked = loop.time()
            body = (await ask(port, PATH)).body
            assert body == BOT.activity or asked < silent + TRUE_FOR
            return body == BOT.activity

        await eventually_async(right)
        assert not cache.trusted
        proxy.open.set()
        await warm(port, cache, PATH)
        assert (await ask(port, PATH)).body == BOT.activity


class Proxy:
    """Passes bytes on to Redis; while `open` is cleared it keeps them, and every connection."""

    def __init__(self, redis_port: int) -> None:
        self._redis_port = redis_port
        self.open = asyncio.Event()
        self.open.set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Proxy:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"redis://127.0.0.1:{port}/0"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        redis_reader, redis_writer = await asyncio.open_connection("127.0.0.1", self._redis_port)
        for source, sink in ((reader, redis_writer), (redis_reader, writer)):
            self._tasks.add(asyncio.create_task(self._pass_on(source, sink)))

    async def _pass_on(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                await self.open.wait()
                sink.write(data)
        finally:
            sink.close()
