"""Guilds of three shards, of which each may be late: what was shown does not come back.

Long because each of these came up in a run of chaos or in a random story.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from random import Random
from typing import Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.normalize.presence_json import OFFLINE
from services.gateway.state.merged_presence import MergedPresence
from services.gateway.state.shown_states import SETTLE_TICKS
from services.gateway.state.user_cache import CachedUser, merge_presence
from tests.gateway.test_merge_orders import RANDOM, a_state
from tests.gateway.test_merged_presence import (
    CUSTOM,
    GAME,
    NEW_GAME,
    OLD_GAME,
    OTHER_GAME,
    SONG,
    A,
    B,
    C,
    merged,
    presence,
    ticks,
)

GUILDS: Final = (A, B, C)


def told(random: Random, states: Sequence[bytes]) -> list[tuple[int, bytes]]:
    """Each guild's shard tells of these states in order, now and then twice."""
    queues = {
        guild_id: [one for one in states for _ in range(random.choice((1, 1, 2)))]
        for guild_id in GUILDS
    }
    order = [guild_id for guild_id, queue in queues.items() for _ in queue]
    random.shuffle(order)
    return [(guild_id, queues[guild_id].pop(0)) for guild_id in order]


@given(RANDOM, st.integers(1, 7))
def test_each_state_is_shown_once(random: Random, changes: int) -> None:
    """In order, though nothing that a state shows has a time of its own, and states come again."""
    made = [a_state(random, 1) for _ in range(changes)]
    states = [presence(), *(presence(*one["activities"], status=one["status"]) for one in made)]
    states = [state for state, _ in groupby(states)]
    one, seen = MergedPresence(states[0]), [states[0]]
    for guild_id, state in told(random, states[1:]):
        one.report(guild_id, state, GUILDS)
        if random.random() < 0.2:
            one = MergedPresence.restore(one.shown, one.stored())
        seen += [one.shown] if one.shown != seen[-1] else []
    assert seen == states
    assert one.is_uniform


def test_a_guild_that_is_further_behind_than_states_are_kept_is_late() -> None:
    one = merged(presence(), presence())
    for minutes in range(20):
        one.report(A, presence({**GAME, "details": str(minutes)}), (A, B))
    for minutes in (0, 5):
        one.report(B, presence({**GAME, "details": str(minutes)}), (A, B))
        assert one.shown == presence({**GAME, "details": "19"})
    one.report(B, presence(NEW_GAME, status="idle"), (A, B))
    assert one.shown == presence(NEW_GAME, status="idle")


def test_guilds_that_report_the_same_may_be_late() -> None:
    """A has changed and changed back, so it reports what B still does: B is about to follow."""
    one = merged(presence(GAME), presence(GAME))
    for status in ("idle", "online"):
        one.report(A, presence(GAME, status=status), (A, B))
    assert not one.is_uniform
    one.report(B, presence(GAME, status="idle"), (A, B))
    assert one.shown == presence(GAME)
    one.report(B, presence(GAME), (A, B))
    assert one.is_uniform


def test_after_half_a_minute_no_guild_is_late() -> None:
    """B was not told of the change, or it was the same there as before."""
    one = merged(presence(GAME), presence(GAME))
    for status in ("idle", "online"):
        one.report(A, presence(GAME, status=status), (A, B))
    assert ticks(one, (A, B), live=False) == 0
    assert not one.is_uniform
    assert ticks(one, (A, B)) == SETTLE_TICKS
    assert one.is_uniform
    one.report(B, presence(GAME, status="idle"), (A, B))
    assert one.shown == presence(GAME, status="idle")


def test_a_status_from_before_is_not_taken_from_a_guild_that_begins_a_game() -> None:
    """B, which hides games, has changed the status; A has not heard of it."""
    one = merged(presence(CUSTOM, GAME), presence(CUSTOM))
    one.report(B, presence(CUSTOM, status="dnd"), (A, B))
    one.report(A, presence(CUSTOM, NEW_GAME), (A, B))
    assert one.shown == presence(CUSTOM, NEW_GAME, status="dnd")
    one.report(A, presence(CUSTOM, NEW_GAME, status="dnd"), (A, B))
    assert one.shown == presence(CUSTOM, NEW_GAME, status="dnd")


def test_a_part_that_a_guild_hides_does_not_make_it_late() -> None:
    one = merged(presence(CUSTOM, GAME), presence(CUSTOM))
    for song in ("a", "b", "c"):
        one.report(A, presence(CUSTOM, {**GAME, "details": song}), (A, B))
    one.report(B, presence(CUSTOM, status="idle"), (A, B))
    assert one.shown == presence(CUSTOM, {**GAME, "details": "c"}, status="idle")


def test_a_report_that_is_late_is_saved_though_nothing_else_is_shown() -> None:
    """After a restart, it is known how far the guild has come."""
    cached = CachedUser(b"{}")
    cached.guilds = (A, B)
    for status in ("idle", "dnd"):
        assert merge_presence(cached, A, presence(GAME, status=status))
    assert merge_presence(cached, B, presence(GAME, status="idle"))
    assert cached.presence == presence(GAME, status="dnd")
    assert not merge_presence(cached, B, presence(GAME, status="idle"))


@pytest.mark.parametrize("place", [-9, 9])
def test_a_place_that_is_not_kept_is_as_good_as_none(place: int) -> None:
    """Redis gives back what was stored, whatever wrote it."""
    one = merged(presence(GAME), presence(GAME))
    one.report(A, presence(GAME, status="idle"), (A, B))
    stored = msgspec.json.decode(one.stored())
    stored["recent"]["places"] = {str(guild_id): place for guild_id in (A, B)}
    again = MergedPresence.restore(one.shown, msgspec.json.encode(stored))
    for guild_id in (B, A, B):
        again.report(guild_id, presence(NEW_GAME), (A, B))
    assert again.shown == presence(NEW_GAME)


def test_what_a_guild_that_is_new_has_not_shown_is_over_once_it_shows_something_newer() -> None:
    """B is listed in a new session, and its shard is ahead: A has not heard of the end yet."""
    one = merged(presence(CUSTOM, GAME))
    one.join(B)
    one.report(B, presence(status="offline"), (A, B))
    assert one.shown == presence(CUSTOM, GAME)
    go = {"name": "Go", "type": 0, "created_at": 9}
    one.report(B, presence(go, status="dnd"), (A, B))
    assert one.shown == presence(CUSTOM, go, status="dnd")


def test_a_new_guild_with_another_status_and_something_newer_is_ahead() -> None:
    """What A still shows is over; nothing of its kinds is shown beside what B shows."""
    one = merged(presence(CUSTOM, GAME))
    one.join(B)
    go = {"name": "Go", "type": 0, "created_at": 9}
    one.report(B, presence(go, status="dnd"), (A, B))
    assert one.shown in (presence(go, status="dnd"), presence(CUSTOM, go, status="dnd"))


def test_what_several_late_guilds_repeat_does_not_come_back() -> None:
    """B and C are late, and report the same; D, which shows games as well, does not."""
    one = merged(*[presence(CUSTOM, GAME)] * 4)
    guilds = (A, B, C, 4)
    for guild_id in (A, 4):
        one.report(guild_id, presence(SONG), guilds)
    old = {"name": "Go", "type": 0, "created_at": 2}
    for guild_id in (B, C):
        one.report(guild_id, presence(CUSTOM, GAME, old), guilds)
        assert one.shown == presence(SONG)


def test_a_guild_that_has_skipped_a_status_is_ahead_with_what_all_would_show() -> None:
    """B has the status that it had before, and a game that A would have shown: A is behind."""
    one = merged(presence(CUSTOM), presence(CUSTOM))
    one.report(A, presence(CUSTOM, GAME, status="dnd"), (A, B))
    one.report(B, presence(NEW_GAME), (A, B))
    assert one.shown == presence(NEW_GAME)


def test_the_first_game_of_a_guild_that_is_ahead_replaces_the_games_of_others() -> None:
    """B has shown no game before, and its shard is ahead with another status."""
    one = merged(presence(), presence(status="offline"))
    one.report(A, presence(CUSTOM, GAME), (A, B))
    new = {**CUSTOM, "created_at": 3}
    one.report(B, presence(new, status="idle"), (A, B), unfollowed=(A,))
    one.report(B, presence(new, NEW_GAME, status="idle"), (A, B))
    assert one.shown == presence(new, NEW_GAME, status="idle")
    one.report(A, presence(new, NEW_GAME, status="idle"), (A, B))
    assert one.is_uniform


def test_the_first_game_of_a_guild_replaces_those_of_one_that_is_not_connected() -> None:
    """B and C are listed in a new session; C hides the games."""
    one = merged(presence(CUSTOM, GAME), presence(status="idle"), presence(status="idle"))
    new = {**CUSTOM, "created_at": 9}
    one.report(C, presence(new), (A, B, C), unfollowed=(A,))
    one.report(B, presence(new, NEW_GAME), (A, B, C), unfollowed=(A,))
    assert one.shown == presence(new, NEW_GAME)


def test_what_a_silent_guild_shows_goes_on_where_another_shows_it_too() -> None:
    """A is in an outage, B shows no games, and Discord repeats what a shard has missed. B cannot
    have heard of the game, but C shows it, and will say when it is over."""
    one = merged(presence(CUSTOM), presence(CUSTOM), presence(CUSTOM))
    for guild_id in (A, C):
        one.report(guild_id, presence(CUSTOM, NEW_GAME), (A, B, C))
    later = {**CUSTOM, "state": "later", "created_at": 9}
    one.report(B, presence(later), (A, B, C), silent=(A,), unfollowed=(A, B, C))
    assert one.shown == presence(later, NEW_GAME)
    one.report(C, presence(later), (A, B, C), silent=(A,), unfollowed=(A, B, C))
    assert one.shown == presence(later)


def test_a_late_shard_that_is_offline_by_chance_has_not_followed() -> None:
    """B is at a second time offline, A still before the first. What A says then was true before."""
    one = merged(presence(CUSTOM), presence(CUSTOM))
    games = [{**GAME, "name": f"Game {number}", "created_at": number} for number in range(11, 17)]
    for game in games:
        one.report(B, presence(CUSTOM, game), (A, B), unfollowed=(A,))
    one.report(B, presence(status="offline"), (A, B), unfollowed=(A,))
    for game in games[1:3]:
        one.report(A, presence(CUSTOM, game), (A, B))
        assert one.shown == OFFLINE
    for state in (OFFLINE, presence(CUSTOM), presence(CUSTOM, games[4], status="idle"), OFFLINE):
        one.report(A, state, (A, B))
        assert one.shown == OFFLINE
    later = {**CUSTOM, "created_at": 20}
    for guild_id in (B, A):
        one.report(guild_id, presence(later), (A, B))
        assert one.shown == presence(later)
    assert one.is_uniform


def test_a_replay_that_begins_before_the_game_ends_it_for_a_moment_only() -> None:
    """Another process went on from an older checkpoint: it hears of the game a second time."""
    one = merged(presence(), presence(GAME))
    for status in ("offline", "idle"):
        one.report(A, presence(status=status), (A, B), unfollowed=(A, B))
    one.report(B, presence(GAME, status="idle"), (A, B), unfollowed=(A, B))
    assert one.shown == presence(GAME, status="idle")


def test_the_first_game_of_a_guild_is_added_where_none_is_late() -> None:
    one = merged(presence(CUSTOM, GAME), presence(CUSTOM))
    one.report(B, presence(CUSTOM, NEW_GAME), (A, B))
    assert one.shown == presence(CUSTOM, GAME, NEW_GAME)


def test_the_first_game_of_a_guild_replaces_older_forms_of_what_others_show() -> None:
    """A shows the game that B has, from before: what else it shows is from before, too."""
    one = merged(presence(), presence())
    one.report(A, presence(OLD_GAME, NEW_GAME), (A, B))
    newer = {**NEW_GAME, "created_at": 8}
    one.report(B, presence(newer), (A, B))
    assert one.shown == presence(newer)


def test_what_began_and_ended_while_others_were_ahead_is_not_shown() -> None:
    one = merged(presence(GAME), presence(GAME))
    newer = {**GAME, "created_at": 6}
    one.report(A, presence(GAME, NEW_GAME), (A, B))
    one.report(A, presence(newer), (A, B))
    for games in ((GAME, NEW_GAME), (newer, NEW_GAME), (newer,)):
        one.report(B, presence(*games), (A, B))
        assert one.shown == presence(newer)
    assert one.is_uniform


def test_what_only_a_late_guild_shows_is_shown_as_it_reports_it() -> None:
    """A hides games, so it does not tell that they are over."""
    one = merged(presence(CUSTOM), presence(CUSTOM, GAME))
    new = {**CUSTOM, "created_at": 9}
    one.report(A, presence(new, status="idle"), (A, B))
    one.report(B, presence(CUSTOM, OTHER_GAME, NEW_GAME, status="dnd"), (A, B))
    assert one.shown == presence(new, OTHER_GAME, NEW_GAME, status="idle")
    one.report(B, presence(CUSTOM, NEW_GAME), (A, B))
    assert one.shown == presence(new, NEW_GAME, status="idle")
    one.report(B, presence(new, NEW_GAME, status="idle"), (A, B))
    assert one.shown == presence(new, NEW_GAME, status="idle")


@pytest.mark.parametrize("repeats", [False, True])
def test_guilds_that_report_the_same_by_chance_may_be_far_behind(repeats: bool) -> None:
    """B has not heard of anything yet. That it repeats its report is no news."""
    one = merged(presence(status="offline"), presence(status="offline"))
    games = [{**GAME, "created_at": minutes} for minutes in range(2, 20)]
    for game in games:
        one.report(A, presence(game), (A, B))
    one.report(A, presence(status="offline"), (A, B))
    if repeats:
        one.report(B, presence(status="offline"), (A, B))
    for game in games:
        one.report(B, presence(game), (A, B))
        assert one.shown == presence(status="offline")
    one.report(B, presence(status="offline"), (A, B))
    assert one.shown == presence(status="offline")


def test_a_guild_whose_shard_has_no_connection_keeps_its_place() -> None:
    """It resumes, and repeats what A has shown while it was away."""
    one = merged(presence(GAME), presence(GAME))
    games = [{**GAME, "name": f"Game {at}", "created_at": at} for at in range(3, 20)]
    for game in games:
        one.report(A, presence(SONG, game), (A, B), unfollowed=(B,))
    one.report(A, presence(status="offline"), (A, B), unfollowed=(B,))
    for game in games:
        one.report(B, presence(SONG, game), (A, B))
        assert one.shown == presence(status="offline")


def test_a_guild_that_is_far_behind_does_not_end_the_wait_for_it() -> None:
    """The user has left A, which was ahead: what it showed stays until B has come so far."""
    one = merged(presence(GAME), presence(GAME))
    games = [{**GAME, "name": f"Game {at}", "created_at": at} for at in range(3, 20)]
    for game in games:
        one.report(A, presence(game), (A, B))
    one.leave(A, (B,))
    for game in games:
        one.report(B, presence(game), (B,))
        assert one.shown == presence(games[-1])
    one.report(B, presence(NEW_GAME, status="idle"), (B,))
    assert one.shown == presence(NEW_GAME, status="idle")


def test_what_no_guild_shows_any_more_tells_nothing_of_settings() -> None:
    """B, which is late, has followed one step. A is still known to show songs."""
    one = merged(presence(GAME, SONG), presence(GAME, SONG))
    one.report(A, presence(NEW_GAME, SONG, status="idle"), (A, B))
    one.report(A, presence(NEW_GAME, status="idle"), (A, B))
    one.report(B, presence(GAME, status="dnd"), (A, B))
    one.tick((A, B), lambda _: True)
    one.report(B, presence(GAME, {**SONG, "created_at": 4}, status="dnd"), (A, B))
    assert one.shown == presence(NEW_GAME, status="idle")


def test_a_guild_whose_shard_is_away_may_show_the_same_status_by_chance() -> None:
    """The user leaves A, which was ahead: what it showed stays until B is back."""
    one = merged(presence(), presence())
    games = [{**GAME, "created_at": minutes} for minutes in range(3, 20)]
    for game in games:
        one.report(A, presence(game), (A, B), unfollowed=(B,))
    one.leave(A, (B,), unfollowed=(B,))
    for game in games:
        assert one.shown == presence(games[-1])
        one.report(B, presence(game), (B,), unfollowed=(B,))
    assert one.shown == presence(games[-1])


def test_a_guild_that_is_far_behind_agrees_by_chance() -> None:
    """That B reports the user as offline, too, does not tell when they were."""
    one = merged(presence(GAME), presence(GAME))
    games = [{**GAME, "created_at": minutes} for minutes in range(3, 20)]
    for game in games:
        one.report(A, presence(game), (A, B))
    one.report(A, presence(status="offline"), (A, B))
    for game in games[:6]:
        one.report(B, presence(status="offline"), (A, B))
        one.report(B, presence(game), (A, B))
        assert one.shown == presence(status="offline")
