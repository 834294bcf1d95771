"""One state of what several guilds show: independent of the order in which they report."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from services.gateway.state.merged_presence import OFFLINE, MergedPresence

A, B, C = 1, 2, 3
CUSTOM = {"id": "custom", "type": 4, "state": "hi", "created_at": 1}
GAME = {"id": "g", "name": "Chess", "type": 0, "created_at": 2}
NEW_GAME = {"id": "g", "name": "Go", "type": 0, "created_at": 5}
SONG = {"id": "spotify:1", "name": "Spotify", "type": 2, "created_at": 3}


def presence(*activities: Any, status: str = "online") -> bytes:
    if status == "offline":
        return OFFLINE
    return msgspec.json.encode(
        {"status": status, "client_status": {"web": status}, "activities": activities}
    )


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


def test_a_change_is_shown_once() -> None:
    """The second guild's report of the same change makes no state of its own."""
    for order in ((A, B), (B, A)):
        one = merged(presence(CUSTOM, GAME), presence(CUSTOM))
        shown = set()
        for guild_id in order:
            one.report(guild_id, presence(NEW_GAME) if guild_id == A else presence(), (A, B))
            shown.add(one.shown)
        assert one.shown == presence(NEW_GAME)
        assert len(shown - {presence(CUSTOM, GAME)}) == 1


def test_a_guild_that_hides_a_change_does_not_announce_half_of_it() -> None:
    """Its status would be shown with the other guild's old game."""
    one = merged(presence(GAME), presence())
    one.report(B, presence(status="idle"), (A, B))
    assert one.shown == presence(GAME)
    one.report(A, presence(NEW_GAME, status="idle"), (A, B))
    assert one.shown == presence(NEW_GAME, status="idle")
    assert one.reports == {B: presence(status="idle")}


def test_nobody_waits_for_a_guild_that_is_unavailable() -> None:
    """Discord sends none of its events."""
    one = merged(presence(GAME), presence())
    one.report(B, presence(status="idle"), (A, B), [A])
    assert one.shown == presence(GAME, status="idle")


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


def test_leaving_removes_what_only_that_guild_showed() -> None:
    one = merged(presence(CUSTOM, GAME), presence(CUSTOM))
    one.leave(A, [B])
    assert one.shown == presence(CUSTOM)
    other = merged(presence(CUSTOM, GAME), presence(CUSTOM))
    other.leave(B, [A])
    assert other.shown == presence(CUSTOM, GAME)


def test_joining_shows_what_that_guild_shows() -> None:
    """Also where it began long ago."""
    one = merged(presence(SONG), presence(GAME, SONG))
    assert one.shown == presence(GAME, SONG)


def test_a_lasting_difference_within_a_kind_is_merged_when_it_settles() -> None:
    """Discord documents no such difference; whatever a guild shows is shown all the same."""
    for first, second in ((GAME, NEW_GAME), (NEW_GAME, GAME)):
        one = merged(presence(first), presence(second))
        late = A if first is GAME else B
        assert one.shown == presence(NEW_GAME)
        assert not one.is_explained(late)
        one.settle(late, (A, B))
        assert one.shown == presence(GAME, NEW_GAME)


def test_a_new_choice_of_the_user_is_seen_when_it_settles() -> None:
    """A guild stops showing a game that goes on elsewhere. Until then it may as well have ended."""
    one = merged(presence(GAME), presence(GAME))
    one.report(A, presence(), (A, B))
    assert one.shown == presence()
    assert not one.is_explained(B)
    one.settle(B, (A, B))
    assert one.shown == presence(GAME)
    one.report(B, presence(NEW_GAME), (A, B))
    assert one.shown == presence(NEW_GAME)
    one.report(B, presence(), (A, B))
    assert one.shown == presence()
    assert one.is_uniform


def test_what_is_stored_decides_as_before() -> None:
    one = merged(presence(CUSTOM, GAME), presence(CUSTOM))
    again = MergedPresence.restore(one.shown, one.stored())
    assert (again.reports, again.shares, again.newest) == (one.reports, one.shares, one.newest)
    with pytest.raises(msgspec.MsgspecError):
        MergedPresence.restore(one.shown, b"[]")


# --- every order -----------------------------------------------------------------------------


class Place(Struct):
    """A guild: its shard, and what it is not shown."""

    shard: int
    hides_custom: bool
    hides_rest: bool

    def view(self, state: dict[str, Any]) -> bytes:
        shown = [
            activity
            for activity in state["activities"]
            if not (self.hides_custom if activity["type"] == 4 else self.hides_rest)
        ]
        return presence(*shown, status=state["status"])


def a_state(random: Random, number: int) -> dict[str, Any]:
    if random.random() < 0.15:
        return {"status": "offline", "activities": []}
    activities: list[dict[str, Any]] = []
    for chance, template in ((0.8, CUSTOM), (0.3, SONG), (0.5, GAME)):
        if random.random() < chance:
            activities.append({**template, "details": f"#{number}", "created_at": number})
    return {"status": random.choice(["online", "idle", "dnd"]), "activities": activities}


def union(state: dict[str, Any], places: Sequence[Place]) -> bytes:
    """What at least one of the guilds shows."""
    views = [msgspec.json.decode(place.view(state))["activities"] for place in places]
    shown = [one for one in state["activities"] if any(one in view for view in views)]
    return presence(*shown, status=state["status"])


def canonical(shown: bytes) -> Any:
    """Without the order of activities of different kinds."""
    decoded = msgspec.json.decode(shown)
    decoded["activities"].sort(key=lambda activity: activity["type"])
    return decoded


class Story:
    """Changes of one user, and how the guilds of several shards report them: each shard in its own
    time, each guild in order, now and then twice. Users leave and join; the process restarts."""

    def __init__(self, random: Random, *, hides: float, moves: float) -> None:
        self.random = random
        self.places = {
            guild_id: Place(random.randrange(2), random.random() < hides, random.random() < hides)
            for guild_id in range(1, random.randint(3, 5))
        }
        self.states = [a_state(random, number) for number in range(1, random.randint(3, 9))]
        self.queues: list[list[tuple[str, int, int]]] = [[], []]
        members = set(self.places)
        for number in range(1, len(self.states)):
            for guild_id in random.sample(sorted(self.places), len(self.places)):
                place = self.places[guild_id]
                if random.random() < moves:
                    if guild_id not in members:
                        members.add(guild_id)
                        self.queues[place.shard].append(("join", guild_id, number))
                    elif len(members) > 1:
                        members.remove(guild_id)
                        self.queues[place.shard].append(("leave", guild_id, number))
                if guild_id in members:
                    for _ in range(random.choice((1, 1, 1, 2))):
                        self.queues[place.shard].append(("report", guild_id, number))
        self.members = members
        for shard, queue in enumerate(self.queues):  # a process saves the newest reports only
            skipped = {number for number in range(len(self.states) - 1) if random.random() < 0.3}
            busy = {number for what, _, number in queue if what != "report"}
            self.queues[shard] = [one for one in queue if one[2] not in skipped - busy]

    def play(self) -> tuple[list[bytes], bytes]:
        """Each state that is shown, and the one that has to be shown in the end."""
        random, first = self.random, self.states[0]
        one = MergedPresence(union(first, list(self.places.values())))
        for guild_id, place in self.places.items():
            if (view := place.view(first)) != one.shown:
                one.reports[guild_id] = view
        members = set(self.places)
        seen = [one.shown]
        while waiting := [queue for queue in self.queues if queue]:
            what, guild_id, number = random.choice(waiting).pop(0)
            if what == "leave":
                members.discard(guild_id)
                one.leave(guild_id, sorted(members))
            elif what == "join":
                members.add(guild_id)
                one.join(guild_id)
            else:
                view = self.places[guild_id].view(self.states[number])
                one.report(guild_id, view, sorted(members))
            if seen[-1] != one.shown:
                seen.append(one.shown)
            if random.random() < 0.1:
                one.elsewhere = frozenset({99})  # else nothing is stored of guilds that agree
                one = MergedPresence.restore(one.shown, one.stored())
        present = [self.places[guild_id] for guild_id in sorted(members)]
        return seen, union(self.states[-1], present)


RANDOM = st.randoms(use_true_random=False)


@given(RANDOM)
def test_the_end_is_the_same_in_every_order(random: Random) -> None:
    """Whatever the guilds hide, and however late one shard is."""
    seen, truth = Story(random, hides=0.4, moves=0.0).play()
    assert canonical(seen[-1]) == canonical(truth)


@given(RANDOM)
def test_guilds_that_show_all_never_go_back(random: Random) -> None:
    """Each state that is shown was true, and none comes after a later one. Changes have a time if
    they begin an activity of a kind that each guild has shown: here a custom status."""
    story = Story(random, hides=0.0, moves=0.0)
    for number, state in enumerate(story.states, start=1):
        state["status"] = state["status"].replace("offline", "idle")
        if not any(one["type"] == 4 for one in state["activities"]):
            state["activities"].insert(0, {**CUSTOM, "created_at": number})
    story.states[0] = {"status": "online", "activities": [{**CUSTOM, "created_at": 1}]}
    seen, truth = story.play()
    states = [presence(*one["activities"], status=one["status"]) for one in story.states]
    place = 0
    for shown in seen:
        assert shown in states[place:]
        place = states.index(shown, place)
    assert seen[-1] == truth


@given(RANDOM)
def test_the_end_is_the_same_for_users_who_leave_and_join(random: Random) -> None:
    """A guild that was left long ago has no part in it."""
    story = Story(random, hides=0.4, moves=0.1)
    seen, truth = story.play()
    assert canonical(seen[-1]) == canonical(truth)
