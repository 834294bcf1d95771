"""Every order in which guilds may report: the end is the same, and nothing goes back."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from random import Random
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from services.gateway.state.merged_presence import MergedPresence
from services.gateway.state.shown_states import SETTLE_TICKS
from tests.gateway.test_merged_presence import CUSTOM, GAME, SONG, presence


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
        self.merged = one
        present = [self.places[guild_id] for guild_id in sorted(members)]
        return seen, union(self.states[-1], present)


RANDOM = st.randoms(use_true_random=False)


@given(RANDOM)
def test_the_end_is_the_same_in_every_order(random: Random) -> None:
    """Whatever the guilds hide, and however late one shard is."""
    seen, truth = Story(random, hides=0.4, moves=0.0).play()
    assert canonical(seen[-1]) == canonical(truth)


def parts(shown: bytes) -> tuple[Any, ...]:
    decoded = msgspec.json.decode(shown)
    created = {one["type"]: one["created_at"] for one in decoded["activities"]}
    return decoded["status"], created.get(4), created.get(2), created.get(0)


def assert_each_part_goes_on(seen: Sequence[bytes], states: Sequence[bytes]) -> None:
    for number in range(4):
        true = [parts(state)[number] for state in states]
        place = 0
        for shown in seen:
            part = parts(shown)[number]
            assert part in true[place:]
            place = true.index(part, place)


@given(RANDOM)
def test_guilds_that_show_all_never_go_back(random: Random) -> None:
    """Status, custom status, song and game: none comes again after a later one, however late a
    shard is. Changes have a time if they begin something: here a custom status."""
    story = Story(random, hides=0.0, moves=0.0)
    for number, state in enumerate(story.states, start=1):
        state["status"] = state["status"].replace("offline", "idle")
        if not any(one["type"] == 4 for one in state["activities"]):
            state["activities"].insert(0, {**CUSTOM, "created_at": number})
    story.states[0] = {"status": "online", "activities": [{**CUSTOM, "created_at": 1}]}
    seen, truth = story.play()
    assert_each_part_goes_on(
        seen, [presence(*one["activities"], status=one["status"]) for one in story.states]
    )
    assert seen[-1] == truth


@given(RANDOM, st.sampled_from([0.0, 0.4]))
def test_within_a_shard_nothing_goes_back(random: Random, hides: float) -> None:
    """All guilds report a change before the next one. Where all show all, a change is one state."""
    story = Story(random, hides=hides, moves=0.0)
    story.queues = [[], []]
    for number in range(1, len(story.states)):
        for guild_id in random.sample(sorted(story.places), len(story.places)):
            story.queues[0] += [("report", guild_id, number)] * random.choice((1, 1, 2))
    states = [union(state, list(story.places.values())) for state in story.states]
    seen, truth = story.play()
    assert_each_part_goes_on(seen, states)
    assert canonical(seen[-1]) == canonical(truth)
    if not hides:
        changes = sum(one != other for one, other in pairwise(map(parts, states)))
        assert len(seen) == changes + 1


@given(RANDOM)
def test_the_end_is_the_same_for_users_who_leave_and_join(random: Random) -> None:
    """A guild that was left long ago has no part in it. Whether it had come further than the others
    is not always known: then time decides."""
    story = Story(random, hides=0.4, moves=0.1)
    _, truth = story.play()
    one = story.merged
    for _ in range(SETTLE_TICKS):
        if canonical(one.shown) == canonical(truth):
            break
        one.tick(sorted(story.members), lambda _: True)
    assert canonical(one.shown) == canonical(truth)
