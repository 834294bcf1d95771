"""Responses from the cache: the same bytes as from Redis, and never older ones."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from services.api.middleware.response_cache import ResponseCache
from shared.model.profile_extras import ProfileExtras
from shared.redis.store import Fields, Save, Store
from testing.eventually import PATIENCE, eventually, eventually_async
from tests.api.golden import BOT, GOLDEN, GUILD, RICH
from tests.api.http_client import Answer, ask
from tests.api.replica import serving, url_of, warm
from tests.shared.profiles.scripted_source import ScriptedSource

PATHS = [f"/{route}/{g.user_id}" for route in ("user", "activity") for g in GOLDEN.values()]


@pytest.fixture
def cache() -> ResponseCache:
    return ResponseCache()


@pytest.fixture
async def port(store: Store, cache: ResponseCache) -> AsyncIterator[int]:
    """A replica with all golden users in its cache."""
    async with serving(store, cache=cache) as port:
        await warm(port, cache, *PATHS)
        yield port


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST"])
@pytest.mark.parametrize("etag", [None, RICH.user_etag, "*"])
async def test_a_hit_equals_a_miss(
    port: int, store: Store, path: str, method: str, etag: str | None
) -> None:
    """Status, all headers in order, and body."""
    headers = [] if etag is None else [f"If-None-Match: {etag}"]
    async with serving(store) as without:
        expected = await ask(without, path, *headers, method=method)
    assert await ask(port, path, *headers, method=method) == expected


@pytest.mark.parametrize(
    "spelling",
    [
        "/user/%31{0}",
        "/user%2F1{0}",
        "/%75ser/1{0}",
        "/user/1{0}?x=1",
        "/user/1{0}?/activity/1",
        "/user/1{0}%3Fx",
        "/user/1{0}%20",
        "/user/1{0}/",
        "/user/01{0}",
        "/USER/1{0}",
        "//user/1{0}",
        "/user/./1{0}",
        "http://localhost/user/1{0}",
        "http://localhost//user/1{0}",
    ],
)
async def test_no_spelling_poisons_the_cache(
    store: Store, cache: ResponseCache, spelling: str
) -> None:
    """Before and after the cache is filled, each spelling gets what it gets without a cache."""
    path = spelling.format(str(RICH.user_id)[1:])
    async with serving(store) as without, serving(store, cache=cache) as port:
        expected = await ask(without, path)
        for _ in range(3):
            assert await ask(port, path) == expected
        await warm(port, cache, *PATHS)
        assert await ask(port, path) == expected
        assert (await ask(port, f"/user/{RICH.user_id}")).body == RICH.user
        assert len(cache) == len(PATHS)


async def test_redis_is_not_read(port: int, store: Store) -> None:
    before = (await store.redis.info("commandstats"))["cmdstat_hmget"]["calls"]
    for path in PATHS:
        assert (await ask(port, path)).status == 200
    after = (await store.redis.info("commandstats"))["cmdstat_hmget"]["calls"]
    assert after == before


async def test_a_change_shows(port: int, store: Store) -> None:
    await store.save([Save(RICH.user_id, Fields(RICH.profile, BOT.presence, b"{}"))])

    async def changed() -> bool:
        return (await ask(port, f"/activity/{RICH.user_id}")).body == BOT.activity

    await eventually_async(changed)
    assert (await ask(port, f"/activity/{BOT.user_id}")).body == BOT.activity


async def test_a_user_who_leaves(port: int, store: Store) -> None:
    await store.save([Save(RICH.user_id, left=(GUILD,))])
    for path in (f"/user/{RICH.user_id}", f"/activity/{RICH.user_id}"):

        async def gone(path: str = path) -> bool:
            return (await ask(port, path)).status == 404

        await eventually_async(gone)


async def test_an_emptied_redis(port: int, store: Store, cache: ResponseCache) -> None:
    await store.redis.flushall()
    await eventually(lambda: len(cache) == 0)
    assert (await ask(port, PATHS[0])).status == 404


async def test_late_extras(store: Store, cache: ResponseCache) -> None:
    """A response without them is dropped when they are known."""
    source = ScriptedSource(ProfileExtras(bio="late"))
    source.gate.clear()
    async with serving(store, source=source, reader_timeout_s=0.01, cache=cache) as port:
        path = f"/user/{BOT.user_id}"
        await warm(port, cache, path)
        assert (await ask(port, path)).body == BOT.user
        source.gate.set()

        async def completed() -> bool:
            return b'"bio":"late"' in (await ask(port, path)).body

        await eventually_async(completed)


async def test_many_writers_and_readers(store: Store, cache: ResponseCache) -> None:
    """No reader sees an older version after a newer one, on any route; the end state is right."""
    chance = random.Random(7)
    users = [golden.user_id for golden in GOLDEN.values()]
    written = dict.fromkeys(users, 0)
    writing = True

    async def write(user_id: int) -> None:
        for number in range(1, 400):
            presence = b'{"status":"idle","n":%d}' % number
            await store.save([Save(user_id, Fields(RICH.profile, presence, b"{}"))])
            written[user_id] = number
            if chance.random() < 0.3:
                await asyncio.sleep(0.001)

    async def read(port: int) -> int:
        seen = dict.fromkeys(users, 0)
        reads = 0
        while writing:
            user_id = chance.choice(users)
            number = _number(
                await ask(port, chance.choice(("/user/", "/activity/")) + str(user_id))
            )
            assert number >= seen[user_id]
            seen[user_id] = number
            reads += 1
        return reads

    async with (
        Store.connect(url_of(store), timeout=PATIENCE) as own,
        serving(own, cache=cache) as port,
    ):
        readers = [asyncio.create_task(read(port)) for _ in range(8)]
        await asyncio.gather(*map(write, users))
        await warm(port, cache, *PATHS)
        writing = False
        assert min(await asyncio.gather(*readers)) > 0
        for path in PATHS:

            async def newest(path: str = path) -> bool:
                return _number(await ask(port, path)) == written[int(path.rpartition("/")[2])]

            await eventually_async(newest)


def _number(answer: Answer) -> int:
    assert answer.status == 200
    _, found, rest = answer.body.partition(b'"n":')
    return int(rest.partition(b"}")[0]) if found else 0
