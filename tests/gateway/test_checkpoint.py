"""Checkpoints: only the holder of the lease saves them, and only beside the data they need."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import msgspec
import pytest

from services.gateway.discord.session_events import DiscordSession
from services.gateway.discord.shard import Shard
from services.gateway.normalize.presence_json import OFFLINE
from services.gateway.state.guild_cache import GuildCache
from services.gateway.state.user_cache import StoredUser, UserCache
from services.gateway.sync.lease import FREE
from services.gateway.sync.session_resume import ResumeCheckpoint, SessionResume
from shared.redis import keys, shard_record
from shared.redis.shard_record import Held
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
async def store(redis_url: str) -> AsyncIterator[Store]:
    async with Store.connect(redis_url, timeout=PATIENCE) as store:
        yield store


async def save(store: Store, known: ResumeCheckpoint, generation: str) -> str:
    """Save it as the process does that runs the shard. Gives the generation that is there then."""
    encoded = msgspec.json.encode(known)
    held = await shard_record.hold(
        store, (0, 1), "us", 60.0, generation=generation, checkpoint=encoded
    )
    assert isinstance(held, Held)
    return held.generation


async def load(store: Store) -> ResumeCheckpoint | None:
    encoded = await shard_record.load_checkpoint(store, (0, 1))
    return msgspec.json.decode(encoded, type=ResumeCheckpoint) if encoded else None


async def test_checkpoint_is_loaded_as_it_was_saved(store: Store) -> None:
    """Ids stay numbers, also as keys."""
    assert await load(store) is None
    generation = await save(store, at(0), "")
    assert await load(store) is None
    for seq in (1, 2):
        assert await save(store, at(seq), generation) == generation
        assert await load(store) == at(seq)
    await shard_record.hold(store, (0, 1), "us", 60.0, generation=generation)
    assert await load(store) == at(2)
    await shard_record.hold(store, (0, 1), "us", 60.0, checkpoint=shard_record.NO_CHECKPOINT)
    assert await load(store) is None


async def test_only_the_holder_of_the_lease_saves_it(store: Store) -> None:
    """A process that was stopped for long does not set its successor back."""
    generation = await save(store, at(0), "")
    await save(store, at(2), generation)
    late = msgspec.json.encode(at(1))
    result = await shard_record.hold(
        store, (0, 1), "late", 60.0, generation=generation, checkpoint=late
    )
    assert result == "taken"
    await shard_record.release(store, (0, 1), "late", generation, late)
    assert await load(store) == at(2)


async def test_last_checkpoint_is_saved_with_the_release(store: Store) -> None:
    """The next process finds it."""
    generation = await save(store, at(0), "")
    await shard_record.release(store, (0, 1), "us", generation, msgspec.json.encode(at(1)))
    taken = await shard_record.acquire(store, (0, 1), "next", 60.0, FREE, stand_by=False)
    assert taken == "acquired"
    assert await load(store) == at(1)


async def test_nothing_is_saved_after_redis_has_lost_the_generation(store: Store) -> None:
    """It may have lost users as well: they are written first. Also before the first checkpoint."""
    for known in (None, at(1)):
        generation = await save(store, at(0), "")
        if known:
            await save(store, known, generation)
        await store.redis.delete(keys.shard(0, 1))
        assert await save(store, at(2), generation) != generation
        assert await load(store) is None


async def test_suspected_loss_removes_it(store: Store) -> None:
    """A user is missing: the checkpoint no longer says what Redis holds."""
    generation = await save(store, at(0), "")
    await save(store, at(1), generation)
    assert await shard_record.mark_complete(store, (0, 1), generation)
    held = await shard_record.hold(
        store, (0, 1), "us", 60.0, suspects_loss=True, generation=generation
    )
    assert isinstance(held, Held)
    assert held.is_new
    assert await load(store) is None
    assert not await shard_record.mark_complete(store, (0, 1), generation)


async def test_checkpoint_from_before_a_restart_of_redis_is_ignored(store: Store) -> None:
    """Redis may have come back with outdated data."""
    generation = await save(store, at(0), "")
    await save(store, at(1), generation)
    await store.redis.hset(keys.shard(0, 1), "servers", "another")
    assert await load(store) is None
    assert await save(store, at(2), generation) != generation
    assert await load(store) is None


async def test_checkpoint_without_a_process_is_forgotten(store: Store) -> None:
    """Discord has discarded the session by then."""
    generation = await save(store, at(0), "")
    await save(store, at(1), generation)
    long_ago = round((time.time() - 2 * shard_record.CHECKPOINT_TTL_S) * 1000)
    await store.redis.hset(keys.shard(0, 1), "expires", long_ago)
    await shard_record.acquire(store, (0, 1), "next", 60.0, FREE, stand_by=False)
    assert await load(store) is None


async def test_checkpoint_of_another_version_is_ignored(store: Store) -> None:
    """It cannot be decoded."""
    await save(store, at(0), "")
    await store.redis.hset(keys.shard(0, 1), "checkpoint", '{"compatibility_key":1}')
    gateway = GatewayFixture()
    state = gateway.state(store)
    assert await SessionResume(Shard("", 0, 1), state, "us").restore() is None


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
    assert not guilds.has_live_presence(GUILD, ANNA)  # it may have been written before it was known
    guilds.list_members(GUILD, [member(ANNA)], [online(ANNA)])
    assert guilds.has_live_presence(GUILD, ANNA)
    guilds.mark_unavailable(GUILD)
    assert guilds.unavailable_guilds([GUILD, OTHER]) == [GUILD]
    assert not guilds.has_live_presence(GUILD, ANNA)
    guilds.begin_listing(GUILD)
    guilds.list_members(GUILD, [member(ANNA)], [online(ANNA)])
    assert guilds.has_live_presence(GUILD, ANNA)
