"""Save, load, remove: what every reader and writer of Redis relies on."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial

import msgspec
import pytest

from shared.model.snapshot import Snapshot
from shared.redis import keys
from shared.redis.profile_entries import UserRow, load_users
from shared.redis.store import (
    NO_PROFILE,
    NOT_MONITORED,
    REMOVED,
    STALE_WRITE,
    UNCHANGED,
    Fields,
    Save,
    Store,
    StoreUnavailable,
)
from testing.eventually import PATIENCE, eventually_async
from testing.redis_server import RedisServer
from tests.contract.channel import messages_of
from tests.contract.conftest import Connect

USER, GUILD, OTHER = 161092844126208001, 816976062578688017, 492605905305600005


def fields(profile: int = 1, presence: int = 1, discord: int = 1) -> Fields:
    return Fields(
        b'{"id":"%d"}' % profile, b'{"status":"%d"}' % presence, b'{"user":"%d"}' % discord
    )


async def test_a_saved_user_is_loaded(store: Store) -> None:
    """The JSON comes back byte for byte, with its version."""
    [version] = await store.save([Save(USER, fields(), joined=(GUILD,))])
    assert await store.load(USER) == Snapshot(version, b'{"id":"1"}', b'{"status":"1"}')
    assert await store.count_users() == 1
    assert await store.guilds() == [GUILD]
    assert [batch async for batch in store.members(GUILD)] == [[USER]]


async def test_a_user_who_is_not_monitored_is_none(store: Store) -> None:
    """Loaded alone or with others."""
    await store.save([Save(USER, fields(), joined=(GUILD,))])
    assert await store.load(1) is None
    found = await store.load_many([1, USER])
    assert found[0] is None
    assert found[1] is not None


async def test_the_same_state_again_is_no_change(store: Store) -> None:
    """The version stays."""
    [version] = await store.save([Save(USER, fields(), joined=(GUILD,))])
    assert await store.save([Save(USER, fields())]) == [UNCHANGED]
    loaded = await store.load(USER)
    assert loaded is not None
    assert loaded.version == version


async def test_an_empty_profile_leaves_the_saved_one(store: Store, connect: Connect) -> None:
    """Most changes are of the presence alone; the message does not repeat the profile."""
    await store.save([Save(USER, fields(), joined=(GUILD,))])
    async with messages_of(connect, USER) as messages:
        [version] = await store.save([Save(USER, Fields(b"", b'{"status":"2"}', b"{}"))])
        assert await messages() == {"version": version, "presence": {"status": "2"}}
    assert await store.load(USER) == Snapshot(version, b'{"id":"1"}', b'{"status":"2"}')


async def test_what_pictures_are_told_is_in_no_message(store: Store, connect: Connect) -> None:
    """It is read with the presence, and gone with the save that does not have it."""
    shown = fields()
    await store.save([Save(USER, shown, joined=(GUILD,))])

    async def told() -> bytes:
        [row] = await load_users(store, [USER], with_entries=True, with_history=True)
        assert isinstance(row, UserRow)
        assert isinstance(row.snapshot, Snapshot)
        return row.history

    assert await told() == b""
    async with messages_of(connect, USER) as messages:
        kept = msgspec.structs.replace(shown, history=b'{"song":1}')
        for saved in (kept, shown):
            [version] = await store.save([Save(USER, saved)])
            assert version > 0
            assert await told() == saved.history
            assert await store.save([Save(USER, saved)]) == [UNCHANGED]
        [version] = await store.save([Save(USER, fields(presence=2))])
        assert await messages() == {"version": version, "presence": {"status": "2"}}


async def test_an_empty_profile_where_there_is_none_writes_nothing(store: Store) -> None:
    """The result says so, and the caller saves all fields."""
    await store.save([Save(USER, fields(), joined=(GUILD,))])
    await store.redis.delete(keys.presence(USER))
    assert await store.save([Save(USER, Fields(b"", b"{}", b"{}"))]) == [NO_PROFILE]
    assert await store.load(USER) is None


async def test_discord_objects_are_loaded_where_they_are_asked_for(store: Store) -> None:
    """Only Lanyard's dialect needs them."""
    saves = [Save(user, fields(), joined=(GUILD,)) for user in (5, 6)]
    await store.save(saves)
    loaded = await store.load_many([5, 6, 7], with_discord={6, 7})
    assert [one and one.discord for one in loaded if not isinstance(one, Exception)] == [
        None,
        b'{"user":"1"}',
        None,
    ]


async def test_each_change_grows_the_version(store: Store) -> None:
    """Also for a change that only another dialect shows."""
    versions = [
        *await store.save([Save(USER, fields(), joined=(GUILD,))]),
        *await store.save([Save(USER, fields(presence=2))]),
        *await store.save([Save(USER, fields(profile=2, presence=2))]),
        *await store.save([Save(USER, fields(profile=2, presence=2, discord=2))]),
    ]
    assert sorted(set(versions)) == versions


async def test_the_version_grows_over_a_flushed_redis(store: Store) -> None:
    """Subscribers hold the old version and drop lower ones."""
    [before] = await store.save([Save(USER, fields(), joined=(GUILD,))])
    await store.redis.flushall()
    [after] = await store.save([Save(USER, fields(), joined=(GUILD,))])
    assert after > before


async def test_a_version_from_the_future_is_exceeded(store: Store) -> None:
    """A clock that was set back must not stop the versions."""
    await store.save([Save(USER, fields(), joined=(GUILD,))])
    await store.redis.hset(keys.presence(USER), "version", 4_000_000_000_000_000)
    assert await store.save([Save(USER, fields(presence=2))]) == [4_000_000_000_000_001]


async def test_the_state_of_a_user_in_no_guild_is_not_written(store: Store) -> None:
    """A save on its way must not bring back a user who has left."""
    assert await store.save([Save(USER, fields())]) == [NOT_MONITORED]
    assert await store.load(USER) is None
    assert await store.redis.keys("*") == [keys.fence(USER).encode()]


async def test_a_user_stays_until_they_leave_the_last_guild(store: Store) -> None:
    """Then all their keys are deleted, the profile entry too, but for fences, which expire."""
    await store.save([Save(USER, fields(), joined=(GUILD, OTHER))])
    await store.redis.set(keys.profile(USER), "{}")
    [version] = await store.save([Save(USER, fields(presence=2), left=(GUILD,))])
    assert version > 0
    assert await store.save([Save(USER, left=(OTHER,))]) == [REMOVED]
    assert await store.load(USER) is None
    assert await store.count_users() == 0
    await store.remove_guild(GUILD)
    await store.remove_guild(OTHER)
    kept = await store.redis.keys("*")
    assert kept == await store.redis.keys("fence:*")
    assert min([await store.redis.ttl(key) for key in kept]) > 0


async def test_a_guild_with_members_is_not_removed(store: Store) -> None:
    """Reconciliation needs them."""
    await store.save([Save(USER, fields(), joined=(GUILD,))])
    await store.remove_guild(GUILD)
    assert await store.guilds() == [GUILD]


async def test_leaving_and_joining_in_one_save_keeps_the_user(store: Store) -> None:
    """A user who moves from one guild to another is monitored all the while."""
    await store.save([Save(USER, fields(), joined=(GUILD,))])
    [version] = await store.save([Save(USER, fields(presence=2), joined=(OTHER,), left=(GUILD,))])
    assert version > 0
    assert [batch async for batch in store.members(GUILD)] in ([], [[]])


async def test_leaving_a_guild_without_members_does_no_harm(store: Store) -> None:
    """Discord may report a member that the gateway has never seen."""
    assert await store.save([Save(USER, left=(GUILD,))]) == [NOT_MONITORED]


async def test_the_script_is_loaded_again_when_redis_has_forgotten_it(store: Store) -> None:
    """As after a restart."""
    await store.save([Save(USER, fields(), joined=(GUILD,))])
    await store.redis.script_flush()
    [version] = await store.save([Save(USER, fields(presence=2))])
    assert version > 0


async def test_a_message_holds_the_version_and_what_changed(store: Store, connect: Connect) -> None:
    """Only the changed fields are published, as JSON inside JSON."""
    async with messages_of(connect, USER) as messages:
        [first] = await store.save([Save(USER, fields(), joined=(GUILD,))])
        [second] = await store.save([Save(USER, fields(presence=2))])
        [third] = await store.save([Save(USER, fields(profile=2, presence=2))])
        [fourth] = await store.save([Save(USER, fields(profile=2, presence=2, discord=2))])
        await store.save([Save(USER, left=(GUILD,))])
        got = [await messages() for _ in range(5)]
    assert got[:4] == [
        {"version": first, "profile": {"id": "1"}, "presence": {"status": "1"}},
        {"version": second, "presence": {"status": "2"}},
        {"version": third, "profile": {"id": "2"}},
        {"version": fourth, "discord": True},  # those who need the objects load them
    ]
    assert got[4]["removed"] is True
    assert got[4]["version"] > fourth


async def test_concurrent_writers_publish_in_the_order_of_versions(
    connect: Connect,
) -> None:
    """Several gateways write one user: subscribers get strictly growing versions, and the last.

    A stale write succeeds when it is repeated.
    """
    stores = [Store(connect(), timeout=PATIENCE) for _ in range(4)]
    await stores[0].save([Save(USER, fields(), joined=(GUILD,))])

    async def write(writer: int, store: Store) -> None:
        saves = [Save(USER, fields(presence=100 * writer + n)) for n in range(50)]
        while saves:
            results = await store.save(saves)
            saves = [one for one, to in zip(saves, results, strict=True) if to == STALE_WRITE]

    async with messages_of(connect, USER) as messages:
        await asyncio.gather(*(write(writer, store) for writer, store in enumerate(stores)))
        got = [await messages() for _ in range(200)]
    versions = [message["version"] for message in got]
    assert versions == sorted(set(versions))
    loaded = await stores[0].load(USER)
    assert loaded is not None
    assert loaded.version == versions[-1]
    assert msgspec.json.decode(loaded.presence) == got[-1]["presence"]
    for store in stores:
        await store.redis.aclose()


async def test_many_members_are_read_in_batches(store: Store) -> None:
    """By SSCAN, never SMEMBERS, and none is left out."""
    await store.save([Save(user_id, joined=(GUILD,)) for user_id in range(1, 3000)])
    batches = [batch async for batch in store.members(GUILD)]
    assert len(batches) > 1
    assert {user_id for batch in batches for user_id in batch} == set(range(1, 3000))


async def test_a_redis_that_is_away(own_server: RedisServer) -> None:
    """Every call raises StoreUnavailable, and works again when Redis is back."""
    async with Store.connect(own_server.url, timeout=PATIENCE) as store:
        await store.save([Save(USER, fields(), joined=(GUILD,))])
        await own_server.kill()
        with pytest.raises(StoreUnavailable):
            await store.load(USER)
        with pytest.raises(StoreUnavailable):
            await store.save([Save(USER, fields())])
        await own_server.start()
        [version] = await store.save([Save(USER, fields(), joined=(GUILD,))])
        assert version > 0


async def test_a_redis_that_does_not_answer(own_server: RedisServer) -> None:
    """A paused server accepts connections and sends nothing: the call times out."""
    async with Store.connect(own_server.url, timeout=0.2) as store:
        await eventually_async(partial(_answers, store))
        await own_server.pause()
        with pytest.raises(StoreUnavailable):
            await store.load(USER)
        await own_server.resume()
        await eventually_async(partial(_answers, store))


async def _answers(store: Store) -> bool:
    """A busy machine may need longer than the timeout."""
    with suppress(StoreUnavailable):
        await store.ping()
        return True
    return False
