"""Writes that failed here, and may have reached Redis, or may reach it at any time."""

from __future__ import annotations

import asyncio

import msgspec

from shared.redis.store import STALE_WRITE, Save, Store
from testing.eventually import PATIENCE
from tests.gateway.gateway_fixture import GUILD, OTHER
from tests.gateway.writer_fixture import WriterFixture

USER = 161092844126208001


async def test_failed_write_that_arrives_later_is_stale(writing: WriterFixture) -> None:
    """Closing a socket does not take back packets that are on their way."""
    writing.list_guild(GUILD, USER)
    writing.show(USER, "idle")
    assert await writing.status(USER) == "idle"
    writing.store.away = True
    writing.show(USER, "online")
    await writing.attempts(1)
    late, fence = writing.store.batches[-1], writing.store.fences[-1]
    writing.show(USER, "dnd")
    writing.store.away = False
    assert await writing.status(USER) == "dnd"
    assert await Store.save(writing.store, late, fence) == [STALE_WRITE]
    assert await writing.status(USER) == "dnd"


async def test_failed_write_may_have_been_made(writing: WriterFixture) -> None:
    """So the profile is sent again, even if it is the one that was written before."""
    writing.list_guild(GUILD, USER)
    writing.show(USER, "idle")
    assert await writing.status(USER) == "idle"
    writing.store.away = True
    writing.show(USER, "dnd")
    await writing.attempts(1)
    await Store.save(writing.store, writing.store.batches[-1], writing.store.fences[-1])
    writing.show(USER, "idle")
    writing.store.away = False
    assert await writing.status(USER) == "idle"
    snapshot = await writing.store.load(USER)
    assert snapshot is not None
    assert msgspec.json.decode(snapshot.profile)["devices"] == {"web": "idle"}


async def test_user_just_written_by_another_process_is_written_again(
    writing: WriterFixture,
) -> None:
    """The other process may have older data, and has only some of the guilds."""
    writing.list_guild(GUILD, USER)
    assert await writing.status(USER) == "invisible"
    ahead = writing.store.clock.next() + 60_000_000
    save = Save(USER, None, joined=(OTHER,))
    await Store.save(writing.store, [save], ahead)
    writing.show(USER, "dnd")
    writing.guilds.remove_member(GUILD, USER)
    writing.list_guild(GUILD, USER)
    assert await writing.status(USER) == "invisible"
    writing.show(USER, "dnd")
    assert await writing.status(USER) == "dnd"


async def test_batch_that_redis_lost_at_once_does_not_count_as_written(
    writing: WriterFixture,
) -> None:
    """It came back with older data, and all users were marked dirty before the answer came."""
    writing.list_guild(GUILD, USER)
    assert await writing.status(USER) == "invisible"
    writing.store.after_next = writing.writer.mark_all_dirty
    writing.show(USER, "dnd")
    await writing.attempts(2)
    assert await writing.status(USER) == "dnd"
    fields = writing.store.batches[-1][0].fields
    assert fields is not None
    assert fields.profile != b""


async def test_barrier_ends_also_after_a_failure(writing: WriterFixture) -> None:
    """A user of a dropped shard is neither written nor waited for."""
    writing.list_guild(GUILD, USER, 5)
    assert await writing.status(USER) == "invisible"
    writing.store.away = True
    writing.show(USER, "dnd")
    writing.guilds.drop_shard(0, 1)
    writing.writer.changed(5)
    barrier = asyncio.create_task(writing.writer.flush_barrier())
    await writing.attempts(1)
    writing.store.away = False
    async with asyncio.timeout(PATIENCE):
        await barrier
