"""Whether Redis holds everybody, so that whoever is missing is gone and not lost."""

from __future__ import annotations

import pytest

from shared.redis import completeness, keys
from shared.redis.store import Fields, Save, Store
from testing.eventually import PATIENCE
from testing.redis_server import RedisServer

USER, GONE, GUILD = 161092844126208001, 5, 816976062578688017
STATE = Fields(b"{}", b"{}", b"{}")


@pytest.fixture
async def written(store: Store) -> Store:
    await store.save([Save(USER, STATE, joined=(GUILD,))])
    return store


async def test_nobody_is_gone_before_everybody_was_written(written: Store) -> None:
    """A Redis without a gateway, or with one that is not done yet."""
    assert await completeness.gone(written, [USER, GONE]) == set()
    await completeness.epoch(written, 0, 1)
    assert await completeness.gone(written, [USER, GONE]) == set()


async def test_who_is_missing_then_is_gone(written: Store) -> None:
    epoch, _ = await completeness.epoch(written, 0, 1)
    assert await completeness.vouch(written, 0, 1, epoch)
    assert await completeness.gone(written, [USER, GONE]) == {GONE}
    assert await completeness.epoch(written, 0, 1) == (
        epoch,
        False,
    )  # for whoever takes over


async def test_every_shard_has_to_vouch(written: Store) -> None:
    """Whoever one process does not know may be in a guild of another one's."""
    for shard in (0, 1):
        assert await completeness.gone(written, [GONE]) == set()
        epoch, _ = await completeness.epoch(written, shard, 2)
        await completeness.vouch(written, shard, 2, epoch)
    assert await completeness.gone(written, [GONE]) == {GONE}


async def test_another_division_of_the_guilds_does_not_count(written: Store) -> None:
    """Neither while both are there nor for ever after."""
    epoch, _ = await completeness.epoch(written, 0, 1)
    await completeness.vouch(written, 0, 1, epoch)
    epochs = [(await completeness.epoch(written, shard, 2))[0] for shard in (0, 1)]
    assert await completeness.gone(written, [GONE]) == set()
    for shard, epoch in enumerate(epochs):
        await completeness.vouch(written, shard, 2, epoch)
    assert await completeness.gone(written, [GONE]) == {GONE}
    assert await written.redis.hlen(keys.WHOLE) == 2


async def test_emptied_redis_is_not_whole(written: Store) -> None:
    """It has a new epoch, and nobody can vouch for the old one any more."""
    before, _ = await completeness.epoch(written, 0, 1)
    await completeness.vouch(written, 0, 1, before)
    await written.redis.flushall()
    assert await completeness.gone(written, [GONE]) == set()
    assert not await completeness.vouch(written, 0, 1, before)
    after, _ = await completeness.epoch(written, 0, 1)
    assert after != before
    assert not await completeness.vouch(written, 0, 1, before)
    assert await completeness.gone(written, [GONE]) == set()
    assert await completeness.vouch(written, 0, 1, after)
    assert await completeness.gone(written, [GONE]) == {GONE}


async def test_redis_with_older_data_is_not_whole() -> None:
    """It was whole when that was true."""
    async with RedisServer() as server, Store.connect(server.url, timeout=PATIENCE) as store:
        before, _ = await completeness.epoch(store, 0, 1)
        await completeness.vouch(store, 0, 1, before)
        assert await completeness.gone(store, [GONE]) == {GONE}
        await server.restart(empty=False)
        assert await completeness.gone(store, [GONE]) == set()
        await completeness.vouch(store, 0, 1, before)  # by a gateway that has not noticed yet
        assert await completeness.gone(store, [GONE]) == set()
        after, _ = await completeness.epoch(store, 0, 1)
        assert after != before
        await completeness.vouch(store, 0, 1, after)
        assert await completeness.gone(store, [GONE]) == {GONE}
