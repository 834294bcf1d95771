"""Checkpoints: only the holder of the lease saves them, and only beside the data they need."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from services.gateway.discord.session_events import DiscordSession
from services.gateway.state.guild_cache import GuildCache
from services.gateway.state.merged_presence import OFFLINE
from services.gateway.state.user_cache import StoredUser, UserCache
from services.gateway.sync import checkpoint
from services.gateway.sync.checkpoint import ResumeCheckpoint
from services.gateway.sync.lease import Lease
from shared.redis import keys
from shared.redis.session_checkpoint import LOST, NOT_OURS, SAVED
from shared.redis.store import Store
from testing.eventually import PATIENCE, eventually
from tests.ended import ended
from tests.gateway.gateway_fixture import (
    GUILD,
    OTHER,
    GatewayFixture,
    RecordingWriter,
    guild,
    member,
    online,
)
from tests.gateway.writer_fixture import WriterFixture

ANNA, BOB = 161092844126208001, 161092844126208002


def at(seq: int) -> ResumeCheckpoint:
    return ResumeCheckpoint(
        compatibility_key="us",
        session=DiscordSession("s", "ws://127.0.0.1/gateway", seq),
        guilds=[GUILD],
        partial=[OTHER],
        awaited=[],
        unavailable=[GUILD],
        requested_users={GUILD: [ANNA]},
        announce=False,
    )


@pytest.fixture
async def lease(redis_url: str) -> AsyncIterator[Lease]:
    async with Store.connect(redis_url, timeout=PATIENCE) as store:
        lease = Lease(store, (0, 1), lambda: None)
        await lease.acquire()
        yield lease


async def test_checkpoint_is_loaded_as_it_was_saved(redis_url: str, lease: Lease) -> None:
    """Ids stay numbers, also as keys."""
    async with Store.connect(redis_url, timeout=PATIENCE) as store:
        assert await checkpoint.load(store, (0, 1)) is None
        assert await checkpoint.begin(store, lease, "a")
        assert await checkpoint.load(store, (0, 1)) is None
        assert await checkpoint.save(store, lease, "a", at(1)) == SAVED
        assert await checkpoint.save(store, lease, "a", at(2)) == SAVED
        assert await checkpoint.save(store, lease, "a", None) == SAVED
        assert await checkpoint.load(store, (0, 1)) == ("a", at(2))
        assert await checkpoint.begin(store, lease, "b")
        assert await checkpoint.load(store, (0, 1)) is None


async def test_only_the_holder_of_the_lease_saves_it(redis_url: str, lease: Lease) -> None:
    """A process that was stopped for long does not set its successor back."""
    async with Store.connect(redis_url, timeout=PATIENCE) as store:
        await checkpoint.begin(store, lease, "a")
        await checkpoint.save(store, lease, "a", at(2))
        late = Lease(store, (0, 1), lambda: None)
        assert await checkpoint.save(store, late, "a", at(1)) == NOT_OURS
        assert not await checkpoint.begin(store, late, "b")
        assert await checkpoint.load(store, (0, 1)) == ("a", at(2))


async def test_nothing_is_saved_after_redis_has_lost_the_generation(
    redis_url: str, lease: Lease
) -> None:
    """It may have lost users as well: they are written first. Also before the first checkpoint."""
    async with Store.connect(redis_url, timeout=PATIENCE) as store:
        for known in (None, at(1)):
            await checkpoint.begin(store, lease, "a")
            assert await checkpoint.save(store, lease, "a", known) == SAVED
            await store.redis.delete(keys.session(0, 1))
            assert await checkpoint.save(store, lease, "a", at(2)) == LOST
            assert await checkpoint.save(store, lease, "a", None) == LOST
            assert await checkpoint.load(store, (0, 1)) is None


async def test_checkpoint_from_before_a_restart_of_redis_is_ignored(
    redis_url: str, lease: Lease
) -> None:
    """Redis may have come back with outdated data."""
    async with Store.connect(redis_url, timeout=PATIENCE) as store:
        await checkpoint.begin(store, lease, "a")
        await checkpoint.save(store, lease, "a", at(1))
        await store.redis.hset(keys.session(0, 1), "server", "another")
        assert await checkpoint.load(store, (0, 1)) is None
        assert await checkpoint.save(store, lease, "a", at(2)) == LOST


async def test_checkpoint_of_another_version_is_ignored(redis_url: str, lease: Lease) -> None:
    """It cannot be decoded."""
    async with Store.connect(redis_url, timeout=PATIENCE) as store:
        await checkpoint.begin(store, lease, "a")
        await checkpoint.save(store, lease, "a", at(1))
        await store.redis.hset(keys.session(0, 1), "checkpoint", '{"compatibility_key":1}')
        assert await checkpoint.load(store, (0, 1)) is None


async def test_watermark_is_reached_when_all_before_it_is_written() -> None:
    """Later changes do not delay it; a change that is put back into the queue makes it void."""
    writing = WriterFixture()
    writing.list_guild(GUILD, ANNA)
    mark = writing.writer.watermark()
    assert writing.writer.reached(mark) is False
    task = asyncio.create_task(writing.writer.run())
    await eventually(lambda: writing.writer.reached(mark))
    writing.store.away = True
    writing.show(ANNA, "dnd")
    mark = writing.writer.watermark()
    assert writing.writer.reached(mark) is False
    await eventually(lambda: writing.writer.reached(mark) is None)
    writing.store.away = False
    await eventually(lambda: writing.writer.reached(writing.writer.watermark()))
    await ended(task)
    await writing.store.redis.aclose()


def test_users_are_restored_as_they_were() -> None:
    """Byte for byte, so that events that Discord repeats change nothing. Nothing is written."""
    gateway = GatewayFixture()
    gateway.handle("GUILD_CREATE", guild(GUILD, [ANNA, BOB], [online(ANNA, "dnd")]))
    before = {one: gateway.users.get(one) for one in (ANNA, BOB)}
    users, writer = UserCache(), RecordingWriter()
    guilds = GuildCache(users, writer)
    held = {one: StoredUser(cached.discord(), None) for one, cached in before.items() if cached}
    guilds.restore(GUILD, held, True)
    guilds.restore(OTHER, {ANNA: held[ANNA]}, False)
    for user_id, cached in before.items():
        restored = users.get(user_id)
        assert cached is not None
        assert restored is not None
        assert (restored.user, restored.presence) == (cached.user, cached.presence)
    bob, anna = users.get(BOB), users.get(ANNA)
    assert bob is not None
    assert anna is not None
    assert bob.presence is OFFLINE  # shared by all offline users
    assert anna.guilds == (GUILD, OTHER)
    assert guilds.complete_guilds() == [GUILD]
    assert writer.take_calls() == []
    guilds.list_members(GUILD, [member(ANNA)], [online(ANNA, "dnd")])
    assert writer.take_calls() == []


def test_replayed_join_of_a_restored_user_is_requested() -> None:
    """The process before wrote the member as offline, and died before the answer was there."""
    gateway = GatewayFixture()
    gateway.handle("GUILD_CREATE", guild(GUILD, [ANNA]))
    written = gateway.users.get(ANNA)
    assert written is not None
    successor = GatewayFixture()
    successor.guilds.restore(GUILD, {ANNA: StoredUser(written.discord(), None)}, complete=True)
    successor.handle("GUILD_MEMBER_ADD", {**member(ANNA), "guild_id": str(GUILD)})
    assert successor.requests.users == [(GUILD, ANNA)]


def test_unavailable_guild_has_no_live_presences() -> None:
    """Until Discord sends it again, also after a takeover of the session."""
    gateway = GatewayFixture()
    gateway.handle("GUILD_CREATE", guild(GUILD, [ANNA], [online(ANNA)]))
    anna = gateway.users.get(ANNA)
    assert anna is not None
    guilds = GuildCache(UserCache(), RecordingWriter())
    guilds.restore(GUILD, {ANNA: StoredUser(anna.discord(), None)}, True)
    assert not guilds.has_live_presence(ANNA)  # it may have been written before it was known
    guilds.list_members(GUILD, [member(ANNA)], [online(ANNA)])
    assert guilds.has_live_presence(ANNA)
    guilds.mark_unavailable(GUILD)
    assert guilds.unavailable_guilds([GUILD, OTHER]) == [GUILD]
    assert not guilds.has_live_presence(ANNA)
    guilds.begin_listing(GUILD)
    guilds.list_members(GUILD, [member(ANNA)], [online(ANNA)])
    assert guilds.has_live_presence(ANNA)
