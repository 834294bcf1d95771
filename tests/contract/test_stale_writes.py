"""A save that arrives after one with a later fence is not written."""

from __future__ import annotations

from shared.redis import keys
from shared.redis.store import STALE_WRITE, UNCHANGED, Fields, Save, Store
from testing.eventually import PATIENCE
from tests.contract.conftest import Connect

USER, GUILD, OTHER = 161092844126208001, 816976062578688017, 492605905305600005


def fields(presence: int = 1) -> Fields:
    return Fields(b'{"id":"1"}', b'{"status":"%d"}' % presence, b"{}")


async def test_a_stale_write_changes_nothing(store: Store) -> None:
    """Its state is not shown, and it neither adds nor removes a member."""
    early = store.clock.next()
    for user_id in (USER, 5):
        await store.save([Save(user_id, fields(), joined=(GUILD,))])
    await store.save([Save(USER, left=(GUILD,))])
    for save in (
        Save(USER, fields(2), joined=(GUILD,)),
        Save(5, fields(2)),
        Save(5, left=(GUILD,)),
    ):
        assert await store.save([save], early) == [STALE_WRITE]
    assert await store.load(USER) is None
    assert await store.load(5) is not None
    assert [batch async for batch in store.members(GUILD)] == [[5]]
    assert {int(one) for one in await store.redis.smembers(keys.USERS)} == {5}


async def test_a_save_without_a_change_makes_earlier_ones_stale(store: Store) -> None:
    """It changes nothing, and yet it is the newest state."""
    await store.save([Save(USER, fields(), joined=(GUILD,))])
    early = store.clock.next()
    assert await store.save([Save(USER, fields())]) == [UNCHANGED]
    assert await store.save([Save(USER, fields(2))], early) == [STALE_WRITE]


async def test_fences_of_one_guild_do_not_affect_another(store: Store) -> None:
    """Another process writes that one, and its clock may be ahead."""
    early = store.clock.next()
    await store.save([Save(USER, fields(), joined=(GUILD,))])
    assert await store.save([Save(5, fields(), joined=(OTHER,))], early) != [STALE_WRITE]
    assert [batch async for batch in store.members(OTHER)] == [[5]]


async def test_a_stale_write_that_is_still_needed_is_saved_again(
    store: Store, connect: Connect
) -> None:
    """Shards of two processes share a user: the clock that was behind has caught up by then."""
    async with Store(connect(), timeout=PATIENCE) as other:
        ahead = store.clock.next() + 60_000_000
        await store.save([Save(USER, fields(), joined=(GUILD,))], ahead)
        save = Save(USER, fields(2), joined=(OTHER,))
        assert await other.save([save]) == [STALE_WRITE]
        [version] = await other.save([save])
        assert version > 0


async def test_a_stale_change_of_members_is_saved_again(store: Store, connect: Connect) -> None:
    """The user's fence does not make it stale, but the guild's does."""
    async with Store(connect(), timeout=PATIENCE) as other:
        ahead = store.clock.next() + 60_000_000
        await store.save([Save(5, fields(), joined=(GUILD,))], ahead)
        for save in (Save(USER, fields(), joined=(GUILD,)), Save(USER, left=(GUILD,))):
            late = Save(6, joined=save.joined, left=save.left)
            assert await other.save([late], ahead - 1) == [STALE_WRITE]
            assert await other.save([save]) != [STALE_WRITE]


async def test_fences_grow_over_a_flushed_redis(store: Store) -> None:
    """Nothing has to be stored for that: they are times."""
    await store.save([Save(USER, fields(), joined=(GUILD,))])
    early = store.clock.next()
    await store.redis.flushall()
    assert await store.save([Save(USER, fields(), joined=(GUILD,))]) != [STALE_WRITE]
    assert await store.save([Save(USER, fields(2))], early) == [STALE_WRITE]


async def test_a_guild_that_was_joined_meanwhile_is_not_removed(store: Store) -> None:
    """The reconciliation that removes it has read the members a moment too early."""
    await store.save([Save(USER, fields(), joined=(GUILD,))], store.clock.next() + 60_000_000)
    await store.redis.delete(keys.members(GUILD))
    await store.remove_guild(GUILD)
    assert await store.guilds() == [GUILD]
    await store.remove_guild(GUILD)
    assert await store.guilds() == []
