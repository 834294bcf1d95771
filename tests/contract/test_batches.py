"""A batch of saves: several users share a call of the script."""

from __future__ import annotations

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
)

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
