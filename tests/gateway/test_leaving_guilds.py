"""What is shown of a user who leaves one of their guilds."""

from __future__ import annotations

import pytest

from services.gateway.normalize.presence_json import OFFLINE
from services.gateway.state.merged_presence import MergedPresence
from tests.gateway.test_merged_presence import (
    CUSTOM,
    GAME,
    NEW_CUSTOM,
    NEW_GAME,
    SONG,
    A,
    B,
    C,
    merged,
    presence,
    ticks,
)

NEWEST_GAME = {**NEW_GAME, "details": "move 2", "created_at": 7}


def test_leaving_removes_what_only_that_guild_showed() -> None:
    one = merged(presence(CUSTOM, GAME), presence(CUSTOM))
    one.leave(A, [B])
    assert one.shown == presence(CUSTOM)
    other = merged(presence(CUSTOM, GAME), presence(CUSTOM))
    other.leave(B, [A])
    assert other.shown == presence(CUSTOM, GAME)


@pytest.mark.parametrize("later", [presence(NEW_GAME), presence(), OFFLINE])
def test_what_had_ended_in_a_guild_does_not_come_back_when_the_user_leaves_it(later: bytes) -> None:
    """The other guild is late, and is about to say the same."""
    one = merged(presence(GAME), presence(GAME))
    one.report(B, later, (A, B))
    one.leave(B, [A])
    assert one.shown == later
    one.report(A, later, [A])
    assert one.shown == later
    assert one.is_uniform
    assert not one.is_waiting


def test_what_a_late_guild_repeats_is_not_shown() -> None:
    """Its shard sends one change after the other. The next process knows that too."""
    between = presence(NEW_GAME, status="dnd")
    newest = presence(NEWEST_GAME, status="idle")
    one = merged(presence(GAME), presence(GAME), presence(GAME))
    for report in (between, newest):
        one.report(A, report, (A, B, C))
    one.leave(A, (B, C))
    for late in (one, MergedPresence.restore(one.shown, one.stored())):
        late.report(B, between, (B, C))
        assert late.shown == newest
        late.report(B, newest, (B, C))
        late.report(C, between, (B, C))
        assert late.shown == newest
        late.report(C, newest, (B, C))
        assert late.shown == newest
        assert late.is_uniform


def test_a_late_guild_decides_what_came_after_the_user_had_left() -> None:
    one = merged(presence(GAME), presence(GAME))
    one.report(B, presence(NEW_GAME), (A, B))
    one.leave(B, [A])
    one.report(A, presence(NEWEST_GAME, status="dnd"), [A])
    assert one.shown == presence(NEWEST_GAME, status="dnd")
    assert one.is_uniform


@pytest.mark.parametrize(("live", "half_seconds"), [(True, 60), (None, 240), (False, 0)])
def test_a_guild_that_says_nothing_more_was_not_late(live: bool | None, half_seconds: int) -> None:
    """It goes on showing what the guild that was left had hidden. While its events do not come,
    that is not known."""
    one = merged(presence(GAME), presence(GAME))
    one.report(B, presence(CUSTOM), (A, B))
    one.leave(B, [A])
    assert one.is_waiting
    assert ticks(one, [A], live) == half_seconds
    assert one.shown == (presence(CUSTOM) if live is False else presence(GAME))
    assert one.is_uniform is (live is not False)


def test_what_had_ended_stays_hidden_while_another_guild_says_so() -> None:
    """The user leaves the guild that said it first; a third one is late."""
    one = merged(presence(CUSTOM, GAME), presence(CUSTOM, GAME), presence(CUSTOM, GAME))
    for guild_id in (A, C):
        one.report(guild_id, presence(CUSTOM, NEW_GAME), (A, B, C))
    one.leave(A, [B, C])
    assert one.shown == presence(CUSTOM, NEW_GAME)
    one.report(B, presence(CUSTOM, NEW_GAME), (B, C))
    assert one.is_uniform


def test_what_had_ended_stays_hidden_while_nothing_is_heard_of_who_showed_it() -> None:
    """Also when the user leaves the guild that has shown the end."""
    one = MergedPresence(presence(CUSTOM, GAME))
    one.join(C)
    one.report(A, presence(NEW_CUSTOM), (A, B, C), [B])
    one.report(C, presence(NEW_CUSTOM), (A, B, C), [B])
    one.leave(A, (B, C), [B])
    assert one.shown == presence(NEW_CUSTOM)
    one.report(B, presence(NEW_CUSTOM, GAME), (B, C))
    assert one.shown == presence(NEW_CUSTOM, GAME)


def test_a_state_stays_whole_until_a_new_guild_reports() -> None:
    """The user leaves the only guild that has reported: its status without its activities was never
    true."""
    one = merged(presence(CUSTOM, GAME))
    for guild_id in (B, C):
        one.join(guild_id)
    one.leave(A, (B, C))
    assert one.shown == presence(CUSTOM, GAME)
    assert not one.tick((B, C), lambda _: True)
    again = MergedPresence.restore(one.shown, one.stored())
    for guild_id in (B, C):
        again.join(guild_id)
    again.leave(C, (B,))
    assert again.shown == presence(CUSTOM, GAME)
    for restarted in (one, again):
        restarted.report(B, presence(NEW_GAME, status="dnd"), (B, C) if restarted is one else (B,))
        assert restarted.shown == presence(NEW_GAME, status="dnd")
    one.report(C, presence(NEW_GAME, status="dnd"), (B, C))
    assert one.is_uniform


@pytest.mark.parametrize("report", [presence(CUSTOM, GAME), presence(), OFFLINE])
def test_the_new_guild_decides_whatever_it_reports(report: bytes) -> None:
    one = merged(presence(CUSTOM, GAME))
    one.join(B)
    one.leave(A, [B])
    one.report(B, report, [B])
    assert one.shown == report
    assert one.is_uniform
    assert not one.is_waiting


def test_a_state_stays_whole_until_an_outdated_guild_reports() -> None:
    """Its last report, of before its outage, is older than what the other guild had shown."""
    one = merged(presence(CUSTOM, SONG))
    one.join(B)
    one.report(B, presence(NEW_CUSTOM, status="idle"), (A, B), [A])
    one.leave(B, [A], [A])
    for later in (one, MergedPresence.restore(one.shown, one.stored())):
        assert later.shown == presence(NEW_CUSTOM, status="idle")
        assert ticks(later, [A]) == 0
        later.report(A, presence(NEW_CUSTOM, SONG, status="dnd"), [A])
        assert later.shown == presence(NEW_CUSTOM, SONG, status="dnd")
        assert later.is_uniform


def test_what_a_guild_alone_showed_goes_although_the_others_are_silent() -> None:
    """They have come as far: only the game is not shown there."""
    one = merged(presence(CUSTOM, GAME), presence(CUSTOM))
    one.leave(A, [B], [B])
    assert one.shown == presence(CUSTOM)
