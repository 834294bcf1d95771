"""Seeded stories without a fault: activities go on while others change, and guilds hide parts.

Each guild reports in order; which guild reports next is random. `created_at` stays while an
activity goes on, also while the user is invisible.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any, Final

import msgspec
import pytest

from services.gateway.state.merged_presence import MergedPresence
from tests.gateway.test_merged_presence import presence

GUILDS: Final = (1, 2, 3)
SETTLED_TICKS: Final = 70  # more than time needs to decide
CUSTOM, SONG, GAMES = "Custom Status", "Spotify", ("Chess", "Go")

Shown = tuple[str, frozenset[tuple[str, int, int]]]
"""Status and activities, in any order."""


def an_activity(name: str, created_at: int, details: int) -> dict[str, Any]:
    more: dict[str, Any] = {"created_at": created_at, "details": details}
    if name == CUSTOM:
        return {"id": "custom", "name": name, "type": 4, **more}
    if name == SONG:
        return {"id": "spotify:1", "name": name, "type": 2, **more}
    return {"name": name, "type": 0, **more}


def parts(shown: bytes) -> Shown:
    decoded = msgspec.json.decode(shown)
    activities = ((one["name"], one["created_at"], one["details"]) for one in decoded["activities"])
    return decoded["status"], frozenset(activities)


def games(shown: Shown) -> frozenset[tuple[str, int, int]]:
    return frozenset(one for one in shown[1] if one[0] in GAMES)


class Story:
    """One user in three guilds, of which some are not shown the custom status, or all else."""

    def __init__(self, seed: int) -> None:
        self.random = random = Random(seed)
        self.now = 1
        self.status = "online"
        self.activities = {
            name: an_activity(name, self.now, 0)
            for name in (CUSTOM, SONG, *GAMES)
            if random.random() < 0.5
        }
        self.hides = {
            guild_id: {part for part in (CUSTOM, SONG) if random.random() < 0.35}
            for guild_id in GUILDS
        }
        self.merged = MergedPresence(self.union())
        for guild_id in GUILDS:
            if (view := self.view(guild_id)) != self.merged.shown:
                self.merged.reports[guild_id] = view
        self.merged.note_guilds(GUILDS)
        self.reports = {guild_id: parts(self.view(guild_id)) for guild_id in GUILDS}
        self.queues: dict[int, list[bytes]] = {guild_id: [] for guild_id in GUILDS}
        self.true = {games(parts(self.union()))}

    def view(self, *guild_ids: int) -> bytes:
        """What these guilds are shown."""
        shown = [
            activity
            for name, activity in self.activities.items()
            if any((CUSTOM if name == CUSTOM else SONG) not in self.hides[one] for one in guild_ids)
        ]
        return presence(*shown, status=self.status)

    def union(self) -> bytes:
        return self.view(*GUILDS)

    def change(self, *, settings: bool, updates: bool) -> None:
        """The user does something, and each guild is about to report it."""
        random = self.random
        told: Sequence[int] = GUILDS
        self.now += 10
        chance = random.random()
        if chance < 0.15:
            self.status = random.choice(("online", "idle", "dnd"))
        elif chance < 0.25:
            self.status = "offline" if self.status != "offline" else "online"
        elif settings and chance < 0.33:
            told = (random.choice(GUILDS),)
            self.hides[told[0]] ^= {random.choice((CUSTOM, SONG))}
        else:
            for name in random.sample((CUSTOM, SONG, *GAMES), random.choice((1, 1, 2))):
                self._change_activity(name, updates=updates)
        self.true.add(games(parts(self.union())))
        for guild_id in told:
            self.queues[guild_id].append(self.view(guild_id))

    def _change_activity(self, name: str, *, updates: bool) -> None:
        activity, chance = self.activities.get(name), self.random.random()
        if activity and chance < 0.4:
            del self.activities[name]
        elif activity and chance < 0.65 and updates:
            activity = an_activity(name, activity["created_at"], self.now)
            self.activities[name] = activity
        else:
            self.activities[name] = an_activity(name, self.now, self.now)

    def report(self, count: int) -> list[Shown]:
        """This many reports come. Gives what is shown after each."""
        seen = []
        while count and (waiting := [one for one in GUILDS if self.queues[one]]):
            guild_id = self.random.choice(waiting)
            view = self.queues[guild_id].pop(0)
            self.reports[guild_id] = parts(view)
            self.merged.report(guild_id, view, GUILDS)
            seen.append(parts(self.merged.shown))
            self.assert_nothing_is_hidden_everywhere()
            count -= 1
        return seen

    def assert_nothing_is_hidden_everywhere(self) -> None:
        status, shown = parts(self.merged.shown)
        statuses, activities = zip(*self.reports.values(), strict=True)
        if status != "offline":
            assert frozenset.intersection(*activities) <= shown
        else:
            assert "offline" in statuses

    def assert_time_makes_it_right(self) -> None:
        """The reports have all come."""
        for _ in range(SETTLED_TICKS):
            self.merged.tick(GUILDS, lambda _: True)
        assert parts(self.merged.shown) == parts(self.union())


@pytest.mark.parametrize("seeds", [range(25), range(25, 50)])
def test_each_change_is_shown_at_once(seeds: Sequence[int]) -> None:
    """All guilds report it before the next one. On the way, no games are shown together that never
    were played together."""
    for seed in seeds:
        story = Story(seed)
        for _ in range(25):
            story.change(settings=False, updates=True)
            seen = story.report(len(GUILDS))
            assert {games(one) for one in seen if one[1]} <= story.true | {frozenset()}, seed
            assert seen[-1] == parts(story.union()), seed


@pytest.mark.parametrize("settings", [False, True])
def test_nothing_vanishes_that_all_guilds_show(settings: bool) -> None:
    """However late each guild is, and although the user changes what a guild is shown."""
    for seed in range(50):
        story = Story(seed)
        for _ in range(25):
            story.change(settings=settings, updates=settings)
            everything = 10**9
            story.report(story.random.choice((0, 1, 2, 4, everything)))
            if story.random.random() < 0.1:
                story.report(everything)
                story.assert_time_makes_it_right()
