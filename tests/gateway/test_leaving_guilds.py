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


def test_leaving_removes_what_only_that_guild_showed() -> None:
    one = merged(presence(CUSTOM, GAME), presence(CUSTOM))
    one.leave(A, [B])
    assert one.shown == presence(CUSTOM)
    other = merged(presence(CUSTOM, GAME), presence(CUSTOM))
    other.leave(B, [A])
    assert other.shown == presence(CUSTOM, GAME)


def test_what_had_ended_in_a_guild_is_shown_when_the_user_leaves_it() -> None:
    """The other guild's last report is all that is known."""
    for later in (presence(NEW_GAME), presence(), OFFLINE):
        one = merged(presence(GAME), presence(GAME))
        one.report(B, later, (A, B))
        assert one.shown == later
        one.leave(B, [A])
        assert one.shown == presence(GAME)
        assert one.is_uniform


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
