"""What Redis is owed: the newest state of each person, and nothing else."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from services.gateway import metrics
from services.gateway.normalize import normalize
from services.gateway.state.guild_cache import GuildCache, shard_of
from services.gateway.state.user_cache import merge_presence
from services.gateway.sync import writer as writer_module
from services.gateway.sync.writer import Writer
from shared.discord.cdn import Cdn
from shared.redis import keys
from testing.eventually import PATIENCE, eventually
from tests.ended import ended
from tests.gateway.gateway_fixture import GUILD, OTHER, online
from tests.gateway.writer_fixture import Desk
from tests.scraped import observations

USER = 161092844126208001


async def test_newest_state_is_written(desk: Desk) -> None:
    """A burst of changes of one person is one write."""
    desk.enlist(GUILD, USER)
    for _ in range(500):
        for status in ("online", "idle", "dnd"):
            desk.show(USER, status)
    assert desk.writer.owed == 1
    assert await desk.status(USER) == "dnd"
    assert len(desk.store.batches) == 1


async def test_many_people_are_written_in_batches(desk: Desk) -> None:
    """None larger than a round trip should be."""
    desk.enlist(GUILD, *range(1, 1001))
    assert await desk.status(1000) == "invisible"
    assert await desk.store.count_users() == 1000
    assert max(len(batch) for batch in desk.store.batches) == writer_module.BATCH


async def test_redis_being_away_costs_nothing_but_time(desk: Desk) -> None:
    """What waits stays one state a person; afterwards Redis holds the newest."""
    desk.enlist(GUILD, USER, 5)
    assert await desk.status(USER) == "invisible"
    desk.store.away = True
    for status in ("online", "idle", "dnd"):
        desk.show(USER, status)
        await desk.tries(2)
    assert desk.writer.owed <= 1
    desk.store.away = False
    assert await desk.status(USER) == "dnd"


async def test_the_oldest_change_tells_how_late_a_write_is(desk: Desk) -> None:
    """Redis is away, and the person goes on changing: that makes the first change no younger."""
    before, _ = observations(metrics.WRITE_LAG)
    desk.enlist(GUILD, USER)
    assert await desk.status(USER) == "invisible"
    measured, _ = observations(metrics.WRITE_LAG)
    assert measured == before + 1
    desk.store.away = True
    told = time.time_ns() // 1000
    for status in ("online", "idle", "dnd"):
        desk.show(USER, status)
        await desk.tries(2)
    desk.store.away = False
    assert await desk.status(USER) == "dnd"
    first, *_, last = [batch[0] for batch in desk.store.batches[1:]]
    assert told <= first.received == last.received <= time.time_ns() // 1000
    assert observations(metrics.WRITE_LAG)[0] == measured + 1


async def test_membership_survives_a_failed_write(desk: Desk) -> None:
    """Also when it changes while the write is under way: the newest word counts."""
    desk.store.away = True
    desk.enlist(GUILD, USER, 5)
    desk.enlist(OTHER, USER)
    await desk.tries(3)
    desk.roster.remove(GUILD, 5)
    desk.roster.remove(GUILD, USER)
    await desk.tries(3)
    desk.store.away = False
    assert await desk.status(USER) == "invisible"
    assert await desk.status(5) is None
    assert [batch async for batch in desk.store.members(GUILD)] in ([], [[]])
    assert [batch async for batch in desk.store.members(OTHER)] == [[USER]]


async def test_who_left_a_lost_shards_guild_is_for_another_process_to_say(desk: Desk) -> None:
    """Redis was away when they left, and the shard was lost: they may be back there since."""
    desk.enlist(GUILD, USER, 5)
    assert await desk.status(5) == "invisible"
    desk.store.away = True
    desk.roster.remove(GUILD, 5)
    await desk.tries(2)
    desk.roster.disown(0, 1)
    desk.store.away = False
    await desk.status(USER)
    assert [sorted(batch) async for batch in desk.store.members(GUILD)] == [[5, USER]]


async def test_a_save_that_fails_after_its_shard_was_lost_is_not_repeated(desk: Desk) -> None:
    """It was under way: what it said of the shard's guilds is not owed any more, the rest is."""
    desk.enlist(GUILD, USER, 5)
    desk.enlist(OTHER, 5)
    assert await desk.status(5) == "invisible"
    shard_count = next(n for n in range(2, 99) if shard_of(GUILD, n) != shard_of(OTHER, n))
    desk.store.away = True
    desk.store.asked = lambda: desk.roster.disown(shard_of(GUILD, shard_count), shard_count)
    desk.roster.remove(GUILD, 5)
    desk.roster.remove(OTHER, 5)
    await desk.tries(2)
    desk.store.away = False
    assert await desk.status(5) == "invisible"
    assert [sorted(batch) async for batch in desk.store.members(GUILD)] == [[5, USER]]
    assert [batch async for batch in desk.store.members(OTHER)] in ([], [[]])


async def test_nothing_is_written_while_another_may_write(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The lease is not confirmed: what is owed waits, and the newest of it is written then."""
    monkeypatch.setattr(writer_module, "LOOK_EVERY", 0.001)
    desk = Desk()
    allowed = False
    desk.writer = Writer(desk.store, desk.people, desk.icons, Cdn(), lambda: allowed)
    desk.roster = GuildCache(desk.people, desk.writer, lambda guild_id: None)
    task = asyncio.create_task(desk.writer.run())
    desk.enlist(GUILD, USER)
    desk.show(USER, "idle")
    done, _ = await asyncio.wait({task}, timeout=0.05)
    assert not done
    assert desk.store.batches == []
    desk.show(USER, "dnd")
    allowed = True
    assert await desk.status(USER) == "dnd"
    assert len(desk.store.batches) == 1
    await ended(task)
    await desk.store.redis.aclose()


async def test_a_loss_is_told_before_anything_more_is_written() -> None:
    """Once Redis does not answer, and once it has lost somebody: the lease may be gone with it."""
    desk = Desk()
    told: list[int] = []
    desk.writer = Writer(
        *(desk.store, desk.people, desk.icons, Cdn()),
        on_loss=lambda: told.append(len(desk.store.batches)),
    )
    desk.roster = GuildCache(desk.people, desk.writer, lambda guild_id: None)
    task = asyncio.create_task(desk.writer.run())
    desk.store.away = True
    desk.enlist(GUILD, USER)
    await eventually(lambda: told)
    desk.store.away = False
    assert await desk.status(USER) == "invisible"
    away = len(told)
    await desk.store.redis.flushall()
    desk.show(USER, "dnd")
    assert await desk.status(USER) == "dnd"
    assert len(told) == away + 1
    assert told[-1] < len(desk.store.batches)
    await ended(task)
    await desk.store.redis.aclose()


async def test_wiped_redis_gets_everybody_again(desk: Desk) -> None:
    """It is noticed at the next write: whoever is monitored is not in Redis any more."""
    desk.enlist(GUILD, *range(1, 301))
    assert await desk.status(1) == "invisible"
    await desk.store.redis.flushall()
    desk.show(7, "dnd")
    assert await desk.status(7) == "dnd"
    assert await desk.store.count_users() == 300


async def test_a_snapshot_that_redis_lost_is_written_whole_again(desk: Desk) -> None:
    """Also when the change is of the presence alone, and so the profile was not sent."""
    desk.enlist(GUILD, USER)
    desk.show(USER, "idle")
    assert await desk.status(USER) == "idle"
    await desk.store.redis.delete(keys.presence(USER))
    desk.show(USER, "dnd")
    assert await desk.status(USER) == "dnd"


async def test_profile_is_sent_only_when_it_changes(desk: Desk) -> None:
    """A presence changes a thousand times as often."""
    desk.enlist(GUILD, USER)
    desk.show(USER, "idle")
    await desk.status(USER)
    activity = {"name": "x", "type": 0}
    person = desk.people.get(USER)
    assert person is not None
    merge_presence(person, {**online(USER, "idle"), "activities": [activity]})
    desk.writer.changed(USER)
    await desk.status(USER)
    fields = desk.store.batches[-1][0].fields
    assert fields is not None
    assert fields.profile == b""
    assert b'"name":"x"' in fields.presence
    desk.show(USER, "dnd")
    await desk.status(USER)
    fields = desk.store.batches[-1][0].fields
    assert fields is not None
    assert fields.profile != b""


async def test_person_who_cannot_be_shown_leaves_the_last_snapshot(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug in drawing one person neither ends the process nor holds up the others."""
    desk.enlist(GUILD, USER, 5)
    desk.show(USER, "idle")
    assert await desk.status(USER) == "idle"
    draw = normalize.presence

    def broken(objects: Any, *rest: Any) -> Any:
        if objects["status"] == "dnd":
            raise ValueError("bug")
        return draw(objects, *rest)

    monkeypatch.setattr(normalize, "presence", broken)
    desk.show(USER, "dnd")
    desk.show(5, "online")
    assert await desk.status(5) == "online"
    assert await desk.status(USER) == "idle"


async def test_catching_up_does_not_wait_for_what_comes_later(desk: Desk) -> None:
    """Under load there is always something owed."""
    desk.enlist(GUILD, *range(1, 401))
    caught_up = asyncio.create_task(desk.writer.caught_up())
    await eventually(lambda: desk.store.batches)

    def go_on(number: int) -> None:
        desk.show(1, ("online", "idle")[number % 2])
        if not caught_up.done():
            asyncio.get_running_loop().call_soon(go_on, number + 1)

    go_on(0)
    async with asyncio.timeout(PATIENCE):
        await caught_up
    assert await desk.store.count_users() == 400
