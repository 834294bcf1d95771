"""Writes that were given up on, and may have been made, or be made at any time."""

from __future__ import annotations

import asyncio

import msgspec

from shared.redis.store import STALE_WRITE, Save, Store
from testing.eventually import PATIENCE
from tests.gateway.gateway_fixture import GUILD, OTHER
from tests.gateway.writer_fixture import Desk

USER = 161092844126208001


async def test_a_write_that_was_given_up_on_comes_too_late(desk: Desk) -> None:
    """A closed socket does not take back what the network has under way."""
    desk.enlist(GUILD, USER)
    desk.show(USER, "idle")
    assert await desk.status(USER) == "idle"
    desk.store.away = True
    desk.show(USER, "online")
    await desk.tries(1)
    late, order = desk.store.batches[-1], desk.store.orders[-1]
    desk.show(USER, "dnd")
    desk.store.away = False
    assert await desk.status(USER) == "dnd"
    assert await Store.save(desk.store, late, order) == [STALE_WRITE]
    assert await desk.status(USER) == "dnd"


async def test_a_write_that_was_given_up_on_may_have_been_made(desk: Desk) -> None:
    """So the profile is sent again, even if it is the one that was written before."""
    desk.enlist(GUILD, USER)
    desk.show(USER, "idle")
    assert await desk.status(USER) == "idle"
    desk.store.away = True
    desk.show(USER, "dnd")
    await desk.tries(1)
    await Store.save(desk.store, desk.store.batches[-1], desk.store.orders[-1])
    desk.show(USER, "idle")
    desk.store.away = False
    assert await desk.status(USER) == "idle"
    snapshot = await desk.store.load(USER)
    assert snapshot is not None
    assert msgspec.json.decode(snapshot.profile)["devices"] == {"web": "idle"}


async def test_a_person_whom_another_process_has_just_written_is_written_again(desk: Desk) -> None:
    """It may be behind with the news, and has a part of the guilds only."""
    desk.enlist(GUILD, USER)
    assert await desk.status(USER) == "invisible"
    ahead = desk.store.clock.next() + 60_000_000
    save = Save(USER, None, joined=(OTHER,))
    await Store.save(desk.store, [save], ahead)
    desk.show(USER, "dnd")
    desk.roster.remove(GUILD, USER)
    desk.enlist(GUILD, USER)
    assert await desk.status(USER) == "invisible"
    desk.show(USER, "dnd")
    assert await desk.status(USER) == "dnd"


async def test_a_batch_that_redis_lost_right_away_is_not_taken_for_written(desk: Desk) -> None:
    """It came back with older data, and everyone was owed again before the answer was read."""
    desk.enlist(GUILD, USER)
    assert await desk.status(USER) == "invisible"
    desk.store.answered = desk.writer.rewrite
    desk.show(USER, "dnd")
    await desk.tries(2)
    assert await desk.status(USER) == "dnd"
    fields = desk.store.batches[-1][0].fields
    assert fields is not None
    assert fields.profile != b""


async def test_catching_up_ends_also_after_a_failure(desk: Desk) -> None:
    """Whoever left meanwhile is owed no more: neither written nor waited for."""
    desk.enlist(GUILD, USER, 5)
    assert await desk.status(USER) == "invisible"
    desk.store.away = True
    desk.show(USER, "dnd")
    desk.roster.disown(0, 1)
    desk.writer.changed(5)
    caught_up = asyncio.create_task(desk.writer.caught_up())
    await desk.tries(1)
    desk.store.away = False
    async with asyncio.timeout(PATIENCE):
        await caught_up
