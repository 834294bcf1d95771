"""The writer: the newest state of each changed user is written, and nothing else."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from services.gateway import metrics
from services.gateway.normalize import normalize
from services.gateway.state.user_cache import merge_presence
from services.gateway.sync.writer import BATCH_USERS, WriterTimings
from shared.discord.snowflake import shard_of
from shared.redis import keys
from testing.eventually import PATIENCE, eventually
from tests.ended import ended
from tests.gateway.gateway_fixture import GUILD, OTHER, online
from tests.gateway.writer_fixture import WriterFixture
from tests.scraped import observations

USER = 161092844126208001


async def test_newest_state_is_written(writing: WriterFixture) -> None:
    """A burst of changes of one user is one write."""
    writing.list_guild(GUILD, USER)
    for _ in range(500):
        for status in ("online", "idle", "dnd"):
            writing.show(USER, status)
    assert writing.writer.pending == 1
    assert await writing.status(USER) == "dnd"
    assert len(writing.store.batches) == 1


async def test_many_users_are_written_in_batches(writing: WriterFixture) -> None:
    """None is larger than a round trip should be."""
    writing.list_guild(GUILD, *range(1, 1001))
    assert await writing.status(1000) == "invisible"
    assert await writing.store.count_users() == 1000
    assert max(len(batch) for batch in writing.store.batches) == BATCH_USERS


async def test_no_change_is_gathered_while_a_whole_batch_waits() -> None:
    """A large server is written as fast as Redis answers. What is left after that is gathered."""
    fixture = WriterFixture(WriterTimings(gather_s=PATIENCE * 10))
    task = asyncio.create_task(fixture.writer.run())
    fixture.list_guild(GUILD, *range(1, 2 * BATCH_USERS + 2))
    await eventually(lambda: len(fixture.store.batches) == 2)
    assert [len(batch) for batch in fixture.store.batches] == [BATCH_USERS] * 2
    assert fixture.writer.pending == 1
    await ended(task)
    await fixture.store.redis.aclose()


async def test_changes_wait_while_redis_is_away(writing: WriterFixture) -> None:
    """One state for each user waits; afterwards Redis holds the newest."""
    writing.list_guild(GUILD, USER, 5)
    assert await writing.status(USER) == "invisible"
    writing.store.away = True
    for status in ("online", "idle", "dnd"):
        writing.show(USER, status)
        await writing.attempts(2)
    assert writing.writer.pending <= 1
    writing.store.away = False
    assert await writing.status(USER) == "dnd"


async def test_lag_is_measured_from_the_oldest_change(writing: WriterFixture) -> None:
    """Redis is away, and the user goes on changing: the first change does not get younger."""
    before, _ = observations(metrics.WRITE_LAG)
    writing.list_guild(GUILD, USER)
    assert await writing.status(USER) == "invisible"
    measured, _ = observations(metrics.WRITE_LAG)
    assert measured == before + 1
    writing.store.away = True
    told = time.time_ns() // 1000
    for status in ("online", "idle", "dnd"):
        writing.show(USER, status)
        await writing.attempts(2)
    writing.store.away = False
    assert await writing.status(USER) == "dnd"
    first, *_, last = [batch[0] for batch in writing.store.batches[1:]]
    assert told <= first.received == last.received <= time.time_ns() // 1000
    assert observations(metrics.WRITE_LAG)[0] == measured + 1


async def test_membership_survives_a_failed_write(writing: WriterFixture) -> None:
    """Also when it changes during the write: the newest change counts."""
    writing.store.away = True
    writing.list_guild(GUILD, USER, 5)
    writing.list_guild(OTHER, USER)
    await writing.attempts(3)
    writing.guilds.remove_member(GUILD, 5)
    writing.guilds.remove_member(GUILD, USER)
    await writing.attempts(3)
    writing.store.away = False
    assert await writing.status(USER) == "invisible"
    assert await writing.status(5) is None
    assert [batch async for batch in writing.store.members(GUILD)] in ([], [[]])
    assert [batch async for batch in writing.store.members(OTHER)] == [[USER]]


async def test_leaving_is_not_written_after_the_shard_was_lost(writing: WriterFixture) -> None:
    """Redis was away when the user left. They may have joined again since, unnoticed here."""
    writing.list_guild(GUILD, USER, 5)
    assert await writing.status(5) == "invisible"
    writing.store.away = True
    writing.guilds.remove_member(GUILD, 5)
    await writing.attempts(2)
    writing.guilds.drop_shard(0, 1)
    writing.store.away = False
    await writing.status(USER)
    assert [sorted(batch) async for batch in writing.store.members(GUILD)] == [[5, USER]]


async def test_failed_save_is_not_repeated_for_a_lost_shard(writing: WriterFixture) -> None:
    """Its memberships of the lost shard's guilds are dropped, the others are written again."""
    writing.list_guild(GUILD, USER, 5)
    writing.list_guild(OTHER, 5)
    assert await writing.status(5) == "invisible"
    shard_count = next(n for n in range(2, 99) if shard_of(GUILD, n) != shard_of(OTHER, n))
    writing.store.away = True
    writing.store.during_next = lambda: writing.guilds.drop_shard(
        shard_of(GUILD, shard_count), shard_count
    )
    writing.guilds.remove_member(GUILD, 5)
    writing.guilds.remove_member(OTHER, 5)
    await writing.attempts(2)
    writing.store.away = False
    assert await writing.status(5) == "invisible"
    assert [sorted(batch) async for batch in writing.store.members(GUILD)] == [[5, USER]]
    assert [batch async for batch in writing.store.members(OTHER)] in ([], [[]])


async def test_nothing_is_written_while_the_gate_is_closed(writing: WriterFixture) -> None:
    """Changes wait; when it opens, the newest state is written."""
    writing.gate.open = False
    writing.list_guild(GUILD, USER)
    writing.show(USER, "idle")
    await eventually(lambda: writing.gate.checks >= 3)
    assert writing.store.batches == []
    writing.show(USER, "dnd")
    writing.gate.open = True
    assert await writing.status(USER) == "dnd"
    assert len(writing.store.batches) == 1


async def test_gate_is_invalidated_before_anything_more_is_written(writing: WriterFixture) -> None:
    """When Redis does not answer, and when it has lost a user: the lease may be lost too."""
    batches_before = writing.gate.batches_before
    writing.store.away = True
    writing.list_guild(GUILD, USER)
    await eventually(lambda: batches_before)
    writing.store.away = False
    assert await writing.status(USER) == "invisible"
    away = len(batches_before)
    await writing.store.redis.flushall()
    writing.show(USER, "dnd")
    assert await writing.status(USER) == "dnd"
    assert len(batches_before) == away + 1
    assert batches_before[-1] < len(writing.store.batches)


async def test_emptied_redis_gets_all_users_again(writing: WriterFixture) -> None:
    """The next write notices it: a monitored user is missing from Redis."""
    writing.list_guild(GUILD, *range(1, 301))
    assert await writing.status(1) == "invisible"
    await writing.store.redis.flushall()
    writing.show(7, "dnd")
    assert await writing.status(7) == "dnd"
    assert await writing.store.count_users() == 300


async def test_lost_snapshot_is_written_completely(writing: WriterFixture) -> None:
    """Also when only the presence changed, so that the profile was not sent."""
    writing.list_guild(GUILD, USER)
    writing.show(USER, "idle")
    assert await writing.status(USER) == "idle"
    await writing.store.redis.delete(keys.presence(USER))
    writing.show(USER, "dnd")
    assert await writing.status(USER) == "dnd"


async def test_profile_is_sent_only_when_it_changes(writing: WriterFixture) -> None:
    """A presence changes a thousand times as often."""
    writing.list_guild(GUILD, USER)
    writing.show(USER, "idle")
    await writing.status(USER)
    activity = {"name": "x", "type": 0}
    cached = writing.users.get(USER)
    assert cached is not None
    merge_presence(cached, 1, {**online(USER, "idle"), "activities": [activity]})
    writing.writer.changed(USER)
    await writing.status(USER)
    fields = writing.store.batches[-1][0].fields
    assert fields is not None
    assert fields.profile == b""
    assert b'"name":"x"' in fields.presence
    writing.show(USER, "dnd")
    await writing.status(USER)
    fields = writing.store.batches[-1][0].fields
    assert fields is not None
    assert fields.profile != b""


async def test_the_first_save_of_a_user_is_marked(writing: WriterFixture) -> None:
    """An earlier version of Grux may have written them last."""
    writing.list_guild(GUILD, USER)
    for status in ("invisible", "dnd", "idle"):
        if status != "invisible":
            writing.show(USER, status)
        assert await writing.status(USER) == status
    writing.writer.mark_all_dirty()
    assert await writing.status(USER) == "idle"
    assert [batch[0].is_first for batch in writing.store.batches] == [True, False, False, True]


async def test_user_who_cannot_be_rendered_keeps_the_last_snapshot(
    writing: WriterFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug in rendering one user neither ends the process nor delays the others."""
    writing.list_guild(GUILD, USER, 5)
    writing.show(USER, "idle")
    assert await writing.status(USER) == "idle"
    render = normalize.presence

    def broken(objects: Any, *rest: Any, **options: Any) -> Any:
        if objects["status"] == "dnd":
            raise ValueError("bug")
        return render(objects, *rest, **options)

    monkeypatch.setattr(normalize, "presence", broken)
    writing.show(USER, "dnd")
    writing.show(5, "online")
    assert await writing.status(5) == "online"
    assert await writing.status(USER) == "idle"


async def test_barrier_does_not_wait_for_later_changes(writing: WriterFixture) -> None:
    """Under load the queue is never empty."""
    writing.list_guild(GUILD, *range(1, 401))
    barrier = asyncio.create_task(writing.writer.flush_barrier())
    await eventually(lambda: writing.store.batches)

    def go_on(number: int) -> None:
        writing.show(1, ("online", "idle")[number % 2])
        if not barrier.done():
            asyncio.get_running_loop().call_soon(go_on, number + 1)

    go_on(0)
    async with asyncio.timeout(PATIENCE):
        await barrier
    assert await writing.store.count_users() == 400
