"""One state of what several guilds show: independent of the order in which they report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.normalize.presence_json import OFFLINE
from services.gateway.state.merged_presence import MergedPresence

A, B, C = 1, 2, 3
CUSTOM = {"id": "custom", "type": 4, "state": "hi", "created_at": 1}
GAME = {"id": "g", "name": "Chess", "type": 0, "created_at": 2}
NEW_GAME = {"id": "g", "name": "Go", "type": 0, "created_at": 5}
OLD_GAME = {"id": "o", "name": "Shogi", "type": 0, "created_at": 1}
OTHER_GAME = {"id": "o", "name": "Chess", "type": 0, "created_at": 4}
SONG = {"id": "spotify:1", "name": "Spotify", "type": 2, "created_at": 3}


def presence(*activities: Any, status: str = "online") -> bytes:
    if status == "offline":
        return OFFLINE
    return msgspec.json.encode(
        {"status": status, "client_status": {"web": status}, "activities": activities}
    )


def presence_of(activities: list[dict[str, Any]]) -> bytes:
    return presence(*activities)


def merged(first: bytes, *rest: bytes) -> MergedPresence:
    """What guilds A, B, … showed from the start."""
    one = MergedPresence(first)
    for number, report in enumerate(rest, start=2):
        one.join(number)
        one.report(number, report, range(1, number + 1))
    return one


def test_a_guild_that_shows_less_hides_nothing() -> None:
    """Each guild shows a part, in any order of arrival."""
    views = [presence(GAME), presence(CUSTOM), presence(SONG)]
    for order in ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)):
        one = merged(*(views[place] for place in order))
        assert one.shown == presence(CUSTOM, SONG, GAME)


@given(
    reports=st.lists(
        st.lists(st.sampled_from([CUSTOM, GAME, OLD_GAME, OTHER_GAME, SONG]), unique_by=id),
        min_size=1,
        max_size=12,
    ),
    turns=st.lists(st.sampled_from([A, B])),
)
def test_what_all_guilds_reported_last_is_shown(
    reports: list[list[dict[str, Any]]], turns: list[int]
) -> None:
    """Whatever has ended before, also where the same activity begins again as it was. Where states
    were shown in parts, or were too many, time tells that no guild is late."""
    one = merged(presence(), presence())
    left = {guild_id: list(map(presence_of, reports)) for guild_id in (A, B)}
    for guild_id in (*turns, *[A] * len(reports), *[B] * len(reports)):
        if left[guild_id]:
            one.report(guild_id, left[guild_id].pop(0), (A, B))
    assert one.shown == presence(*reports[-1])
    if not one.is_uniform:
        ticks(one, (A, B))
        assert one.shown == presence(*reports[-1])
    assert one.is_uniform
    assert not one.is_waiting


def test_a_status_of_before_is_not_the_newest() -> None:
    """B has not heard of the new game, so that the user was offline before is what it says. They
    are shown as offline once A says so as well."""
    one = merged(presence(GAME), presence(GAME))
    one.report(A, presence(NEW_GAME), (A, B))
    one.report(B, presence(status="offline"), (A, B))
    assert one.shown == presence(NEW_GAME)
    one.report(B, presence(NEW_GAME), (A, B))
    assert one.shown == presence(NEW_GAME)
    for guild_id in (A, B):
        one.report(guild_id, presence(status="offline"), (A, B))
        assert one.shown == OFFLINE


@pytest.mark.parametrize("order", [(A, B), (B, A)])
def test_a_change_is_shown_once(order: tuple[int, int]) -> None:
    """The second guild's report of the same change makes no state of its own."""
    for second in (presence(GAME), presence()):
        one = merged(presence(GAME), second)
        for number, state in enumerate(("online", "idle", "idle", "dnd"), start=1):
            game = {**GAME, "created_at": 10 + number}
            shown = [one.shown]
            for guild_id in order:
                is_shared = guild_id == A or second != presence()
                report = presence(game, status=state) if is_shared else presence(status=state)
                one.report(guild_id, report, (A, B))
                shown.append(one.shown)
            assert one.shown == presence(game, status=state)
            if second != presence():
                assert len(set(shown)) == 2


def test_different_games_are_all_shown() -> None:
    """Whatever a guild shows is shown, in whatever order they began and ended."""
    for first, second in ((GAME, NEW_GAME), (NEW_GAME, GAME)):
        one = merged(presence(first), presence(second))
        assert one.shown == presence(GAME, NEW_GAME)
    poker = {"name": "Poker", "type": 0, "created_at": 9}
    late = B if first == NEW_GAME else A
    one.report(late, presence(poker), (A, B))
    assert one.shown == presence(NEW_GAME, poker)
    one.report(late, presence(), (A, B))
    assert one.shown == presence(NEW_GAME)
    one.report(late, presence(GAME), (A, B))
    assert one.shown == presence(GAME, NEW_GAME)


def test_activities_without_a_time_are_merged_too() -> None:
    """`created_at` is Discord's, and may be missing."""
    chess, go = {"name": "Chess", "type": 0}, {"name": "Go", "type": 0}
    one = merged(presence(chess), presence())
    one.report(B, presence(go), (A, B))
    assert one.shown == presence(chess, go)
    one.report(A, presence(), (A, B))
    assert one.shown == presence(go)
    one.report(A, presence({**go, "details": "a"}), (A, B))
    one.report(B, presence({**go, "details": "a"}), (A, B))
    assert one.shown == presence({**go, "details": "a"})
    assert one.is_uniform


def test_a_guild_that_is_late_shows_nothing_old() -> None:
    """Its events may come minutes later, through another shard."""
    one = merged(presence(CUSTOM, GAME), presence(CUSTOM, GAME))
    later = [presence(NEW_GAME), presence(status="dnd"), OFFLINE]
    for report in later:
        one.report(A, report, (A, B))
    for report in later:
        one.report(B, report, (A, B))
        assert one.shown == OFFLINE
    assert one.is_uniform


def test_a_new_guild_outdates_one_whose_events_do_not_come() -> None:
    """The user joins it during an outage of the other."""
    one = merged(presence(CUSTOM, GAME))
    one.join(B)
    one.report(B, presence(CUSTOM, NEW_GAME, status="idle"), (A, B), [A])
    assert one.shown == presence(CUSTOM, NEW_GAME, status="idle")
    one.report(A, presence(CUSTOM, NEW_GAME, status="idle"), (A, B))
    assert one.is_uniform


NEW_CUSTOM = {**CUSTOM, "state": "later", "created_at": 6}


def moved() -> MergedPresence:
    """The user joins B while nothing is heard of A, which showed a song."""
    one = merged(presence(CUSTOM, SONG))
    one.join(B)
    one.report(B, presence(NEW_CUSTOM, status="idle"), (A, B), [A])
    return one


def cut_off() -> MergedPresence:
    """The last session ended between the reports of A and of B."""
    one = MergedPresence(presence(CUSTOM))
    one.report(A, presence({**CUSTOM, "created_at": 3}, SONG), (A, B))
    one.report(B, presence(NEW_CUSTOM, status="idle"), (A, B), [A])
    return one


@pytest.mark.parametrize("story", [moved, cut_off])
def test_old_and_new_are_not_mixed(story: Callable[[], MergedPresence]) -> None:
    """Whether the song has ended is known when A reports again."""
    one = story()
    assert one.shown == presence(NEW_CUSTOM, status="idle")
    one.report(A, presence(NEW_CUSTOM, status="idle"), (A, B))
    assert one.shown == presence(NEW_CUSTOM, status="idle")
    assert one.is_uniform


@pytest.mark.parametrize("story", [moved, cut_off])
def test_a_song_that_goes_on_is_shown_again_at_once(story: Callable[[], MergedPresence]) -> None:
    """B does not show songs."""
    one = story()
    one.report(A, presence(NEW_CUSTOM, SONG, status="idle"), (A, B))
    assert one.shown == presence(NEW_CUSTOM, SONG, status="idle")


def test_going_offline_ends_what_silent_guilds_showed() -> None:
    """B has never been shown a song: it cannot say that one is over."""
    one = merged(presence(CUSTOM, SONG))
    one.join(B)
    one.report(B, OFFLINE, (A, B), [A])
    assert one.shown == OFFLINE
    one.report(B, presence(NEW_CUSTOM), (A, B), [A])
    assert one.shown == presence(NEW_CUSTOM)
    one.report(A, presence(NEW_CUSTOM, SONG), (A, B))
    assert one.shown == presence(NEW_CUSTOM, SONG)


def test_what_a_guild_is_known_to_hide_is_shown_all_the_time() -> None:
    """B had come as far as the song, and did not show it: its next report says nothing of it."""
    one = merged(presence(CUSTOM, SONG), presence(CUSTOM))
    one.report(B, presence(NEW_CUSTOM), (A, B), [A])
    assert one.shown == presence(NEW_CUSTOM, SONG)


def test_a_guild_that_has_followed_is_known_to_hide_the_rest() -> None:
    """It shows what began with the song, and not the song."""
    one = merged(presence(CUSTOM), presence(CUSTOM))
    song = {**SONG, "created_at": NEW_CUSTOM["created_at"]}
    one.report(A, presence(NEW_CUSTOM, song, status="idle"), (A, B))
    one.report(B, presence(NEW_CUSTOM, status="idle"), (A, B))
    later = {**CUSTOM, "state": "last", "created_at": 9}
    one.report(B, presence(later), (A, B), [A])
    assert one.shown == presence(later, song)


def test_joining_shows_what_that_guild_shows() -> None:
    """Also where it began long ago."""
    one = merged(presence(SONG), presence(GAME, SONG))
    assert one.shown == presence(GAME, SONG)


def ticks(one: MergedPresence, guilds: Sequence[int], live: Any = True) -> int:
    """Half seconds until time alone changes what is shown."""
    for number in range(1, 1000):
        if one.tick(guilds, lambda _: live):
            return number
    return 0


def test_a_new_choice_of_the_user_is_seen_after_half_a_minute() -> None:
    """A guild stops showing a game that goes on elsewhere. Until then it may as well have ended."""
    one = merged(presence(GAME), presence(GAME))
    one.report(A, presence(), (A, B))
    assert one.shown == presence()
    assert one.is_waiting
    again = MergedPresence.restore(one.shown, one.stored())
    assert ticks(again, (A, B)) == 60
    assert ticks(one, (A, B)) == 60
    assert one.shown == presence(GAME)
    assert not one.is_waiting
    one.report(B, presence(NEW_GAME), (A, B))
    assert one.shown == presence(NEW_GAME)
    one.report(B, presence(), (A, B))
    assert one.shown == presence()
    assert one.is_uniform


def test_a_guild_whose_events_do_not_come_proves_nothing() -> None:
    """It would show for ever what has ended long ago."""
    one = merged(presence(GAME), presence(GAME))
    one.report(A, presence(), (A, B))
    assert ticks(one, (A, B), live=False) == 0
    assert ticks(one, (A, B), live=None) == 240  # another process would know more


def test_a_status_that_only_a_late_guild_reports_is_shown_in_the_end() -> None:
    """The other one's event was lost."""
    one = merged(presence(), presence())
    one.report(A, presence(status="idle"), (A, B))
    one.report(B, presence(status="dnd"), (A, B))
    for later in (one, MergedPresence.restore(one.shown, one.stored())):
        assert later.shown == presence(status="idle")
        assert ticks(later, (A, B)) == 60
        assert later.shown == presence(status="dnd")


def test_a_guild_that_hides_what_it_showed_may_show_it_again() -> None:
    """The user has changed the setting twice."""
    one = merged(presence(GAME), presence(GAME))
    one.report(A, presence(), (A, B))
    one.report(A, presence(GAME), (A, B))
    assert one.shown == presence(GAME)


def test_what_is_stored_decides_as_before() -> None:
    one = merged(presence(CUSTOM, GAME), presence(CUSTOM))
    again = MergedPresence.restore(one.shown, one.stored())
    assert again.reports == one.reports
    assert again.progress.stored() == one.progress.stored()
    assert again.ended.by_group == one.ended.by_group
    with pytest.raises(msgspec.MsgspecError):
        MergedPresence.restore(one.shown, b"[]")
