"""How far a session has been handled: who may say so, and whether Redis still holds the rest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from services.gateway.discord.session import Session
from services.gateway.state.guild_cache import GuildCache
from services.gateway.state.user_cache import OFFLINE, UserCache
from services.gateway.sync import checkpoint
from services.gateway.sync.checkpoint import LOST, NOT_OURS, ResumeCheckpoint
from services.gateway.sync.lease import Lease
from shared.redis import keys
from shared.redis.store import Store
from testing.eventually import PATIENCE, eventually
from tests.ended import ended
from tests.gateway.gateway_fixture import GUILD, OTHER, Ledger, Room, guild, member, online
from tests.gateway.writer_fixture import Desk

ANNA, BOB = 161092844126208001, 161092844126208002


def at(seq: int) -> ResumeCheckpoint:
    return ResumeCheckpoint(
        made_for="us",
        session=Session("s", "ws://127.0.0.1/gateway", seq),
        guilds=[GUILD],
        partial=[OTHER],
        awaited=[],
        silent=[GUILD],
        lookups={GUILD: [ANNA]},
        announce=False,
    )


@pytest.fixture
async def lease(redis_url: str) -> AsyncIterator[Lease]:
    async with Store.connect(redis_url, timeout=PATIENCE) as store:
        lease = Lease(store, 0, 1)
        await lease.acquire()
        yield lease


async def test_it_comes_back_as_it_was(redis_url: str, lease: Lease) -> None:
    """Ids are numbers on both sides, also as keys."""
    async with Store.connect(redis_url, timeout=PATIENCE) as store:
        assert await checkpoint.load(store, (0, 1)) is None
        assert await checkpoint.begin(store, lease, "a")
        assert await checkpoint.load(store, (0, 1)) is None
        assert await checkpoint.save(store, lease, "a", at(1)) == 1
        assert await checkpoint.save(store, lease, "a", at(2)) == 1
        assert await checkpoint.save(store, lease, "a", None) == 1
        assert await checkpoint.load(store, (0, 1)) == ("a", at(2))
        assert await checkpoint.begin(store, lease, "b")
        assert await checkpoint.load(store, (0, 1)) is None


async def test_only_the_holder_of_the_lease_writes_it(redis_url: str, lease: Lease) -> None:
    """A process that was stopped for long does not set its successor back."""
    async with Store.connect(redis_url, timeout=PATIENCE) as store:
        await checkpoint.begin(store, lease, "a")
        await checkpoint.save(store, lease, "a", at(2))
        late = Lease(store, 0, 1)
        assert await checkpoint.save(store, late, "a", at(1)) == NOT_OURS
        assert not await checkpoint.begin(store, late, "b")
        assert await checkpoint.load(store, (0, 1)) == ("a", at(2))


async def test_a_redis_that_lost_it_is_not_written_on(redis_url: str, lease: Lease) -> None:
    """It may have lost people as well: then they come first. Also before the first bookmark."""
    async with Store.connect(redis_url, timeout=PATIENCE) as store:
        for known in (None, at(1)):
            await checkpoint.begin(store, lease, "a")
            assert await checkpoint.save(store, lease, "a", known) == 1
            await store.redis.delete(keys.session(0, 1))
            assert await checkpoint.save(store, lease, "a", at(2)) == LOST
            assert await checkpoint.save(store, lease, "a", None) == LOST
            assert await checkpoint.load(store, (0, 1)) is None


async def test_another_start_of_redis_is_not_believed(redis_url: str, lease: Lease) -> None:
    """It may hold what was true a while ago."""
    async with Store.connect(redis_url, timeout=PATIENCE) as store:
        await checkpoint.begin(store, lease, "a")
        await checkpoint.save(store, lease, "a", at(1))
        await store.redis.hset(keys.session(0, 1), "server", "another")
        assert await checkpoint.load(store, (0, 1)) is None
        assert await checkpoint.save(store, lease, "a", at(2)) == LOST


async def test_one_of_another_version_is_left_alone(redis_url: str, lease: Lease) -> None:
    """What cannot be read is no bookmark."""
    async with Store.connect(redis_url, timeout=PATIENCE) as store:
        await checkpoint.begin(store, lease, "a")
        await checkpoint.save(store, lease, "a", at(1))
        await store.redis.hset(keys.session(0, 1), "bookmark", '{"made_for":1}')
        assert await checkpoint.load(store, (0, 1)) is None


async def test_watermark_is_reached_when_all_before_it_is_written() -> None:
    """What comes later does not hold it up; what has to be written again makes it void."""
    desk = Desk()
    desk.enlist(GUILD, ANNA)
    mark = desk.writer.watermark()
    assert desk.writer.reached(mark) is False
    writing = asyncio.create_task(desk.writer.run())
    await eventually(lambda: desk.writer.reached(mark))
    desk.store.away = True
    desk.show(ANNA, "dnd")
    mark = desk.writer.watermark()
    assert desk.writer.reached(mark) is False
    await eventually(lambda: desk.writer.reached(mark) is None)
    desk.store.away = False
    await eventually(lambda: desk.writer.reached(desk.writer.watermark()))
    await ended(writing)
    await desk.store.redis.aclose()


def test_people_come_back_as_they_were() -> None:
    """Byte for byte, so that what Discord repeats is no news; and nobody is owed anything."""
    room = Room()
    room.take("GUILD_CREATE", guild(GUILD, [ANNA, BOB], [online(ANNA, "dnd")]))
    before = {one: room.people.get(one) for one in (ANNA, BOB)}
    people, ledger = UserCache(), Ledger()
    roster = GuildCache(people, ledger, lambda _: None)
    held = {one: person.discord() for one, person in before.items() if person}
    roster.recall(GUILD, held, True)
    roster.recall(OTHER, {ANNA: held[ANNA]}, False)
    for user_id, person in before.items():
        again = people.get(user_id)
        assert person is not None
        assert again is not None
        assert (again.user, again.presence) == (person.user, person.presence)
    bob, anna = people.get(BOB), people.get(ANNA)
    assert bob is not None
    assert anna is not None
    assert bob.presence is OFFLINE  # shared by all who are
    assert anna.guilds == (GUILD, OTHER)
    assert roster.complete_guilds() == [GUILD]
    assert ledger.take() == []
    roster.list_members(GUILD, [member(ANNA)], [online(ANNA, "dnd")])
    assert ledger.take() == []


def test_a_guild_that_is_unavailable_vouches_for_nobody() -> None:
    """Nor does it after the session has been taken over, until Discord shows it again."""
    room = Room()
    room.take("GUILD_CREATE", guild(GUILD, [ANNA], [online(ANNA)]))
    anna = room.people.get(ANNA)
    assert anna is not None
    roster = GuildCache(UserCache(), Ledger(), lambda _: None)
    roster.recall(GUILD, {ANNA: anna.discord()}, True)
    assert roster.vouches_for(ANNA)
    roster.silence(GUILD)
    assert roster.silent([GUILD, OTHER]) == [GUILD]
    assert not roster.vouches_for(ANNA)
    roster.begin(GUILD)
    roster.list_members(GUILD, [member(ANNA)], [online(ANNA)])
    assert roster.vouches_for(ANNA)
