"""A user left the last guild of a process, and the other process has not come so far."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from services.gateway.discord.shard import Shard
from services.gateway.state.settling import Settling
from shared.discord.snowflake import shard_of
from shared.model.user_settings import UserSettings
from shared.redis import keys
from tests.gateway.test_shared_users import (
    CUSTOM,
    GAME,
    NEW_GAME,
    USER,
    A,
    B,
    Process,
    Two,
    running,
)

TICKS = 240  # whether the shard of another process is behind is decided after two minutes


class Connected(Shard):
    @property
    def is_connected(self) -> bool:
        return True


async def ticks(two: Two, count: int) -> None:
    """In both processes."""
    for process in (two.a, two.b):
        await settle(process, count)
        await process.written()


async def settle(process: Process, count: int) -> None:
    writing = process.writing
    shard = Connected("token", shard_of(process.guild_id, 2), 2)
    settling = Settling(writing.users, writing.guilds, writing.writer, [shard])
    for _ in range(count):
        await settling.tick()


@pytest.fixture
async def two() -> AsyncIterator[Two]:
    """The guild that had shown the newest state has been left."""
    both = Two()
    async with running(both.a, both.b):
        both.a.list(GAME)
        both.b.list(GAME)
        await both.shown()
        both.a.show(NEW_GAME)
        await both.shown()
        both.a.writing.guilds.remove_member(A, USER)
        assert await both.shown() == ("online", [NEW_GAME])
        yield both


def nothing_is_waited_for(two: Two) -> bool:
    users = two.a.writing.users
    return list(users.waiting()) == [] and users.gone(USER) is None


async def test_what_only_the_guild_showed_that_was_left_does_not_stay(two: Two) -> None:
    """The other one was not late: it shows something else."""
    await ticks(two, TICKS - 1)
    assert await two.shown() == ("online", [NEW_GAME])
    await ticks(two, 1)
    assert await two.shown() == ("online", [GAME])
    assert nothing_is_waited_for(two)
    two.b.show(CUSTOM, status="idle")
    assert await two.shown() == ("idle", [CUSTOM])


async def test_what_the_late_guild_reports_stays(two: Two) -> None:
    two.b.show(NEW_GAME)
    two.b.show(NEW_GAME, status="dnd")
    await two.shown()
    await ticks(two, 2 * TICKS)
    assert await two.shown() == ("dnd", [NEW_GAME])
    assert nothing_is_waited_for(two)


async def test_another_write_begins_the_wait_anew(two: Two) -> None:
    """Such as of a key-value store. What was written is not known to this process."""
    await two.redis.hset(keys.presence(USER), "version", 10**15)
    await ticks(two, TICKS)
    assert await two.shown() == ("online", [NEW_GAME])
    await ticks(two, TICKS)
    assert await two.shown() == ("online", [GAME])
    assert nothing_is_waited_for(two)


async def test_a_failed_save_is_repeated(two: Two) -> None:
    two.a.writing.store.away = True
    await settle(two.a, TICKS)
    await two.a.writing.attempts(3)
    two.a.writing.store.away = False
    assert await two.shown() == ("online", [GAME])
    assert nothing_is_waited_for(two)


async def test_a_user_who_leaves_the_others_too_is_not_brought_back(two: Two) -> None:
    two.b.writing.guilds.remove_member(B, USER)
    assert await two.shown() is None
    await ticks(two, TICKS)
    assert await two.shown() is None
    assert nothing_is_waited_for(two)


async def test_a_user_who_comes_back_is_not_waited_for_here(two: Two) -> None:
    two.a.list(NEW_GAME)
    assert await two.shown() == ("online", [NEW_GAME])
    assert two.a.writing.users.gone(USER) is None
    await ticks(two, TICKS)
    _, activities = await two.shown()
    assert NEW_GAME in activities


async def test_a_user_who_hides_is_not_waited_for(two: Two) -> None:
    two.a.writing.people.choose(USER, UserSettings(visible=False))
    await ticks(two, TICKS)
    assert nothing_is_waited_for(two)
