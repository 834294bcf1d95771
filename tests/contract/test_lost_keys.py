"""Redis has evicted a key of a user, or other software has deleted it: a save says so."""

from __future__ import annotations

import pytest

from shared.redis import keys
from shared.redis.store import LOST, REMOVED, Fields, Save, Store

USER, GUILD, OTHER = 161092844126208001, 816976062578688017, 492605905305600005
SHOWN = Fields(b'{"id":"1"}', b'{"status":"1"}', b"{}")
NEXT = Fields(b"", b'{"status":"2"}', b"{}")
RENAMED = Fields(b'{"id":"2"}', b'{"status":"2"}', b"{}")


@pytest.fixture(autouse=True)
async def saved(store: Store) -> None:
    await store.save([Save(USER, SHOWN, joined=(GUILD, OTHER))])


@pytest.mark.parametrize("fields", [NEXT, RENAMED])
@pytest.mark.parametrize(("joined", "left"), [((), ()), ((3,), ()), ((), (OTHER,))])
async def test_a_presence_that_is_gone(
    store: Store, fields: Fields, joined: tuple[int, ...], left: tuple[int, ...]
) -> None:
    """Nothing is written: the caller saves all of it again."""
    await store.redis.delete(keys.presence(USER))
    considered = 2 + len(joined) - len(left)
    save = Save(USER, fields, joined, left, considered=considered, is_stored=True)
    assert await store.save([save]) == [LOST]
    assert await store.load(USER) is None
    assert await store.redis.scard(keys.guilds(USER)) == 2
    assert await store.redis.sismember(keys.members(OTHER), str(USER))


@pytest.mark.parametrize(("joined", "left"), [((3,), ()), ((), (OTHER,))])
async def test_guilds_that_are_gone(
    store: Store, joined: tuple[int, ...], left: tuple[int, ...]
) -> None:
    """The user is not removed, as one who has left the last guild."""
    await store.redis.delete(keys.guilds(USER))
    considered = 2 + len(joined) - len(left)
    save = Save(USER, NEXT, joined, left, considered=considered, is_stored=True)
    assert await store.save([save]) == [LOST]
    assert await store.load(USER) is not None
    assert await store.redis.sismember(keys.USERS, str(USER))


async def test_guilds_that_are_gone_when_a_restored_user_leaves_one(store: Store) -> None:
    """What is considered is enough: the others are not in Redis."""
    await store.redis.delete(keys.guilds(USER))
    save = Save(USER, SHOWN, left=(OTHER,), considered=1, is_first=True)
    assert await store.save([save]) == [LOST]
    assert await store.load(USER) is not None


async def test_all_of_it_is_written_again(store: Store) -> None:
    """Where the writer does not rely on what Redis had."""
    await store.redis.flushall()
    again = Save(USER, SHOWN, joined=(GUILD, OTHER), considered=2, is_first=True)
    [version] = await store.save([again])
    assert version > 0
    assert await store.redis.scard(keys.guilds(USER)) == 2


async def test_the_last_guild_may_be_left_without_its_set(store: Store) -> None:
    await store.redis.delete(keys.guilds(USER))
    assert await store.save([Save(USER, left=(GUILD, OTHER), considered=0)]) == [REMOVED]
    assert await store.load(USER) is None
