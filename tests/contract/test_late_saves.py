"""A save that arrives after a later one is refused, as if it had been lost on the way."""

from __future__ import annotations

from shared.redis import keys
from shared.redis.store import STALE_WRITE, UNCHANGED, Fields, Save, Store
from tests.contract.conftest import Connect

USER, GUILD, OTHER = 161092844126208001, 816976062578688017, 492605905305600005


def fields(presence: int = 1) -> Fields:
    return Fields(b'{"id":"1"}', b'{"status":"%d"}' % presence, b"{}")


async def test_a_save_that_comes_late_changes_nothing(store: Store) -> None:
    """Its state is not shown, and whoever left since is not let in again, nor anybody put out."""
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


async def test_the_same_state_again_stands_against_what_comes_late(store: Store) -> None:
    """It is no change, and yet it is what was said last."""
    await store.save([Save(USER, fields(), joined=(GUILD,))])
    early = store.clock.next()
    assert await store.save([Save(USER, fields())]) == [UNCHANGED]
    assert await store.save([Save(USER, fields(2))], early) == [STALE_WRITE]


async def test_what_comes_late_leaves_the_rosters_of_other_guilds_alone(store: Store) -> None:
    """Another process speaks for those, and may well have spoken later."""
    early = store.clock.next()
    await store.save([Save(USER, fields(), joined=(GUILD,))])
    assert await store.save([Save(5, fields(), joined=(OTHER,))], early) != [STALE_WRITE]
    assert [batch async for batch in store.members(OTHER)] == [[5]]


async def test_whoever_is_late_and_still_there_saves_again(store: Store, connect: Connect) -> None:
    """Shards of two processes share a user: the clock that is behind has caught up then."""
    async with Store(connect(), timeout=5.0) as other:
        ahead = store.clock.next() + 60_000_000
        await store.save([Save(USER, fields(), joined=(GUILD,))], ahead)
        save = Save(USER, fields(2), joined=(OTHER,))
        assert await other.save([save]) == [STALE_WRITE]
        [version] = await other.save([save])
        assert version > 0


async def test_a_roster_that_comes_late_is_saved_again(store: Store, connect: Connect) -> None:
    """No user's key says that it is late, but the guild's does."""
    async with Store(connect(), timeout=5.0) as other:
        ahead = store.clock.next() + 60_000_000
        await store.save([Save(5, fields(), joined=(GUILD,))], ahead)
        for save in (Save(USER, fields(), joined=(GUILD,)), Save(USER, left=(GUILD,))):
            late = Save(6, joined=save.joined, left=save.left)
            assert await other.save([late], ahead - 1) == [STALE_WRITE]
            assert await other.save([save]) != [STALE_WRITE]


async def test_orders_grow_over_a_wiped_redis(store: Store) -> None:
    """Nothing has to be kept for that: they are times."""
    await store.save([Save(USER, fields(), joined=(GUILD,))])
    early = store.clock.next()
    await store.redis.flushall()
    assert await store.save([Save(USER, fields(), joined=(GUILD,))]) != [STALE_WRITE]
    assert await store.save([Save(USER, fields(2))], early) == [STALE_WRITE]


async def test_a_guild_that_was_joined_meanwhile_is_not_forgotten(store: Store) -> None:
    """The sweep that strikes it off has looked a moment too early."""
    await store.save([Save(USER, fields(), joined=(GUILD,))], store.clock.next() + 60_000_000)
    await store.redis.delete(keys.members(GUILD))
    await store.remove_guild(GUILD)
    assert await store.guilds() == [GUILD]
    await store.remove_guild(GUILD)
    assert await store.guilds() == []
