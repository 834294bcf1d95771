"""All users in Redis are found, and the guilds that each of them is counted in."""

from __future__ import annotations

import pytest

from shared.redis import keys, user_reports, user_scan
from shared.redis.store import Fields, Save, Store, StoreUnavailable

PERSON, OTHER = 1274150219482660897, 94490510688792576
FIELDS = Fields(b"{}", b"{}", b"{}")


async def test_guilds_of_each_user(store: Store) -> None:
    """In the order of the users; of one who is in no guild there are none."""
    await store.save([Save(PERSON, FIELDS, (1, 2)), Save(OTHER, FIELDS, (3,))])
    found = await user_scan.guilds_of(store, [OTHER, 5, PERSON])
    assert [sorted(guild_ids) for guild_ids in found] == [[3], [], [1, 2]]
    assert await user_scan.guilds_of(store, []) == []


async def test_what_is_no_guild_is_ignored(store: Store) -> None:
    """Other software has written there. `int` refuses more than 4,300 digits."""
    await store.save([Save(PERSON, FIELDS, (1, 2))])
    await store.redis.sadd(keys.guilds(PERSON), "x", "9" * 5000, "")
    assert sorted((await user_scan.guilds_of(store, [PERSON]))[0]) == [1, 2]
    [stored] = await user_reports.load(store, [PERSON])
    assert stored.guilds == {1, 2}


async def test_a_set_that_is_none_fails(store: Store) -> None:
    """Nothing is known then of the users."""
    await store.redis.set(keys.guilds(OTHER), "x")
    with pytest.raises(StoreUnavailable):
        await user_scan.guilds_of(store, [PERSON, OTHER])


async def test_users_who_are_not_listed_are_found(store: Store) -> None:
    """Each user once."""
    await store.save([Save(PERSON, FIELDS, (1,)), Save(OTHER, FIELDS, (1,))])
    await store.redis.srem(keys.USERS, OTHER)
    found = [user_id async for batch in user_scan.all_users(store) for user_id in batch]
    assert sorted(found) == [OTHER, PERSON]
