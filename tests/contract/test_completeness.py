"""Whether Redis holds every monitored user, so that a missing user is not monitored."""

from __future__ import annotations

import asyncio

import pytest

from services.run.ready import FIRST_USER_TIMEOUT_S, first_user
from shared.redis import keys
from shared.redis.completeness import absent
from shared.redis.shard_record import mark_complete
from shared.redis.store import Fields, Save, Store
from testing.eventually import PATIENCE
from testing.redis_server import RedisServer
from tests.generation import generation

USER, MISSING, GUILD = 161092844126208001, 5, 816976062578688017
STATE = Fields(b"{}", b"{}", b"{}")


@pytest.fixture
async def written(store: Store) -> Store:
    await store.save([Save(USER, STATE, joined=(GUILD,))])
    return store


async def test_no_user_is_absent_before_redis_is_complete(written: Store) -> None:
    """Without a gateway, or with one that has not finished writing."""
    assert await absent(written, [USER, MISSING]) == set()
    await generation(written)
    assert await absent(written, [USER, MISSING]) == set()


async def test_a_missing_user_is_absent_once_redis_is_complete(written: Store) -> None:
    """The generation goes on: a process that takes the shard over finds it."""
    name = await generation(written)
    assert await mark_complete(written, (0, 1), name)
    assert await absent(written, [USER, MISSING]) == {MISSING}
    assert await generation(written) == name


async def test_the_runner_does_not_wait_for_a_user_whom_no_server_has(store: Store) -> None:
    """A bot in no server: Redis is complete without a user, so the invitation is due at once."""
    waiting = asyncio.create_task(first_user(store))
    name = await generation(store)
    await mark_complete(store, (0, 1), name)
    async with asyncio.timeout(FIRST_USER_TIMEOUT_S / 2):
        assert await waiting is None


async def test_every_shard_has_to_be_complete(written: Store) -> None:
    """A user whom one shard does not know may be in a guild of another shard."""
    for shard in (0, 1):
        assert await absent(written, [MISSING]) == set()
        name = await generation(written, (shard, 2))
        await mark_complete(written, (shard, 2), name)
    assert await absent(written, [MISSING]) == {MISSING}


async def test_marks_of_another_shard_count_do_not_count(written: Store) -> None:
    """Redis is not complete from the first renewal with the new count on."""
    name = await generation(written)
    await mark_complete(written, (0, 1), name)
    names = [await generation(written, (shard, 2)) for shard in (0, 1)]
    assert await absent(written, [MISSING]) == set()
    for shard, name in enumerate(names):
        await mark_complete(written, (shard, 2), name)
    assert await absent(written, [MISSING]) == {MISSING}
    assert await written.redis.get(keys.SHARDS) == b"2"


async def test_an_emptied_redis_is_not_complete(written: Store) -> None:
    """It has a new generation, and the old one cannot be marked any more."""
    before = await generation(written)
    await mark_complete(written, (0, 1), before)
    await written.redis.flushall()
    assert await absent(written, [MISSING]) == set()
    assert not await mark_complete(written, (0, 1), before)
    after = await generation(written)
    assert after != before
    assert not await mark_complete(written, (0, 1), before)
    assert await absent(written, [MISSING]) == set()
    assert await mark_complete(written, (0, 1), after)
    assert await absent(written, [MISSING]) == {MISSING}


async def test_a_redis_with_older_data_is_not_complete() -> None:
    """It was, at the moment that its snapshot shows."""
    async with RedisServer() as server, Store.connect(server.url, timeout=PATIENCE) as store:
        before = await generation(store)
        await mark_complete(store, (0, 1), before)
        assert await absent(store, [MISSING]) == {MISSING}
        await server.restart(empty=False)
        assert await absent(store, [MISSING]) == set()
        await mark_complete(store, (0, 1), before)  # by a gateway that has not noticed yet
        assert await absent(store, [MISSING]) == set()
        after = await generation(store)
        assert after != before
        await mark_complete(store, (0, 1), after)
        assert await absent(store, [MISSING]) == {MISSING}
