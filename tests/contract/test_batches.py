"""A batch of saves: several users share a call of the script."""

from __future__ import annotations

import pytest

from shared.model.snapshot import Snapshot
from shared.redis import keys
from shared.redis.store import (
    CONFLICT,
    NO_PROFILE,
    REMOVED,
    SAVES_PER_CALL,
    STALE_WRITE,
    UNCHANGED,
    Fields,
    Save,
    Store,
    StoreUnavailable,
)
from testing.eventually import PATIENCE
from testing.redis_server import RedisServer

GUILD, OTHER = 816976062578688017, 492605905305600005
USERS = range(1, 2 * SAVES_PER_CALL + 4)


def fields(user: int, presence: int = 1) -> Fields:
    return Fields(b'{"id":"%d"}' % user, b'{"status":"%d"}' % presence, b"{}")


async def test_each_save_of_a_batch_has_its_own_result(store: Store) -> None:
    """What becomes of one user does not depend on the others of the batch."""
    versions = await store.save([Save(user, fields(user), joined=(GUILD, OTHER)) for user in USERS])
    assert all(version > 0 for version in versions)
    early = store.clock.next()
    await store.save([Save(7, fields(7))])
    await store.redis.delete(keys.presence(6))
    special = {
        1: (Save(1, fields(1)), UNCHANGED),
        2: (Save(2, left=(GUILD, OTHER)), REMOVED),
        3: (Save(3, joined=(5,), left=(GUILD,)), UNCHANGED),
        4: (Save(4, fields(4, 2), considered=1), CONFLICT),
        5: (Save(5, fields(5, 2), considered=2, base=1), CONFLICT),
        6: (Save(6, Fields(b"", b"{}", b"{}")), NO_PROFILE),
        7: (Save(7, fields(7, 2)), STALE_WRITE),
    }
    saves = [special[user][0] if user in special else Save(user, fields(user, 2)) for user in USERS]
    results = await store.save(saves, early)
    assert results[:7] == [result for _, result in special.values()]
    assert all(new > old for new, old in zip(results[7:], versions[7:], strict=True))
    for user, found in zip(USERS, await store.load_many(USERS), strict=True):
        if user in (2, 6):
            assert found is None
        else:
            assert isinstance(found, Snapshot)
            assert found.profile == b'{"id":"%d"}' % user
            assert found.presence == b'{"status":"%d"}' % (1 if user in special else 2)
    assert await store.redis.smembers(keys.guilds(3)) == {b"5", str(OTHER).encode()}


async def test_a_damaged_user_does_not_affect_the_others_of_a_batch(server_url: str) -> None:
    """Their keys are repaired as they would be alone. An error would end the call for all."""
    async with Store.connect(server_url, timeout=PATIENCE) as store:
        await store.save([Save(user, fields(user), joined=(GUILD,)) for user in USERS])
        for name in (keys.presence(1), keys.guilds(2), keys.guilds(3)):
            await store.redis.set(name, "text")
        for name in (keys.fence(4), keys.presence(5), keys.profile(6)):
            await store.redis.delete(name)
            await store.redis.rpush(name, "a")
        for user, version in ((7, "-5"), (8, "1e400"), (9, ""), (10, "9" * 30)):
            await store.redis.hset(keys.presence(user), "version", version)
        saves = {user: Save(user, fields(user, 2)) for user in USERS}
        saves[2] = Save(2, fields(2, 2), joined=(GUILD,))
        saves |= {user: Save(user, left=(GUILD,)) for user in (5, 6)}
        results = dict(zip(saves, await store.save(list(saves.values())), strict=True))
        loaded = dict(zip(USERS, await store.load_many(USERS), strict=True))
    assert (results.pop(5), results.pop(6)) == (REMOVED, REMOVED)
    assert (loaded.pop(5), loaded.pop(6)) == (None, None)
    assert all(result > 0 for result in results.values())
    for found in loaded.values():
        assert isinstance(found, Snapshot)
        assert found.presence == b'{"status":"2"}'


async def test_a_full_redis_refuses_a_batch_whole(own_server: RedisServer) -> None:
    """And takes it when there is room again: no user of it is half saved."""
    async with Store.connect(own_server.url, timeout=PATIENCE) as store:
        before = await store.save([Save(user, fields(user), joined=(GUILD,)) for user in USERS])
        await store.redis.config_set("maxmemory", 1)
        saves = [Save(user, fields(user, 2)) for user in USERS]
        with pytest.raises(StoreUnavailable):
            await store.save(saves)
        found = await store.load_many(USERS)
        assert [one.version for one in found if isinstance(one, Snapshot)] == before
        await store.redis.config_set("maxmemory", 0)
        results = await store.save(saves)
    assert all(new > old for new, old in zip(results, before, strict=True))


async def test_versions_are_those_of_the_hashes(store: Store) -> None:
    """To the last of their sixteen digits, whatever number the script counts with."""
    before = 2**53 - 10
    await store.save([Save(user, fields(user), joined=(GUILD,)) for user in (1, 2)])
    await store.redis.hset(keys.presence(2), "version", before)
    [first, second] = await store.save([Save(user, fields(user, 2)) for user in (1, 2)])
    assert second == before + 1
    for user, version in ((1, first), (2, second)):
        found = await store.load(user)
        assert found is not None
        assert found.version == version
