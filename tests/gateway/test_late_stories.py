"""Seeded stories of a user in servers of two shards, each of which may be late, or replay.

A status has no time, and a server that shows no games may hide them, so not everything can be told
from what Discord sends. It is counted how often that goes wrong. No change may make it worse.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import Any, Final

import msgspec

from services.gateway.normalize.presence_json import OFFLINE
from services.gateway.state.guild_report import began_at, read_report
from services.gateway.state.merged_presence import MergedPresence
from tests.gateway.test_merged_presence import presence

STORIES: Final = range(1500)
SETTLED_TICKS: Final = 250  # more than time needs to decide
CUSTOM, SONG, GAMES = "Custom Status", "Spotify", ("Chess", "Go", "Checkers", "Cinema")
SERVERS: Final = ((2, 4, 3), (2, 3), (2, 4, 3, 5))  # even: of one shard, odd: of the other
MOST: Final = {"went back": 13, "was never true": 5}

Part = Any


def an_activity(name: str, created_at: int) -> dict[str, Any]:
    more = {"name": name, "created_at": created_at}
    if name == CUSTOM:
        return {"id": "custom", "type": 4, **more}
    if name == SONG:
        return {"id": "spotify:1", "type": 2, **more}
    return {"type": 0, **more}


def parts(shown: bytes) -> tuple[Part, Part, Part, Part]:
    """Status, custom status, song and games, each in its own order of states."""
    decoded = msgspec.json.decode(shown)
    created = {one["name"]: one["created_at"] for one in decoded["activities"]}
    games = frozenset((name, created[name]) for name in GAMES if name in created)
    return decoded["status"], created.get(CUSTOM), created.get(SONG), games


class Shard:
    """Tells of its servers in order, in its own time."""

    def __init__(self) -> None:
        self.queue: list[tuple[int, bytes]] = []
        self.replays = False
        self.held: dict[int, tuple[bytes, int]] = {}


class Story:
    """What was true, and what was shown."""

    def __init__(self, seed: int) -> None:
        self.random = random = Random(seed)
        self.shows_all = random.random() < 0.5
        self.servers = random.choice(SERVERS)
        self.hides = {
            one: {part for part in (CUSTOM, SONG) if not self.shows_all and random.random() < 0.4}
            for one in self.servers
        }
        self.now, self.status = 1, "online"
        self.activities: dict[str, dict[str, Any]] = {}
        for _ in range(random.randint(0, 4)):
            self.change()
        self.true = [parts(self.view(*self.servers))]
        self.shards = (Shard(), Shard())
        self.merged = MergedPresence(self.view(self.servers[0]))
        for count, one in enumerate(self.servers[1:], start=2):
            self.merged.join(one)
            self.merged.report(one, self.view(one), self.servers[:count])
        self.settle()
        self.seen = [parts(self.merged.shown)]

    def view(self, *servers: int) -> bytes:
        """What these servers are shown. All other activities are hidden together, as the song."""
        if self.status == "offline":
            return OFFLINE
        shown = [
            activity
            for name, activity in self.activities.items()
            if any((CUSTOM if name == CUSTOM else SONG) not in self.hides[one] for one in servers)
        ]
        return presence(*shown, status=self.status)

    def change(self) -> None:
        random = self.random
        self.now += 1
        chance = random.random()
        if chance < 0.25:
            self.status = random.choice(("online", "idle", "dnd", "offline"))
        if chance > 0.2 or self.status == "offline":
            name = random.choice((CUSTOM, SONG, *GAMES))
            if name in self.activities and random.random() < 0.6:
                del self.activities[name]
            else:
                self.activities[name] = an_activity(name, self.now)

    def play(self) -> None:
        random = self.random
        is_late = random.choice((0.2, 0.5, 0.9))
        for _ in range(random.randint(3, 14) if random.random() < 0.8 else 60):
            self.change()
            if random.random() < 0.2:
                self.merged.tick(self.servers, lambda _: True)
            self.true.append(parts(self.view(*self.servers)))
            for one in self.servers:
                self.shards[one % 2].queue.append((one, self.view(one)))
            if random.random() < 0.15:
                random.choice(self.shards).replays = True
            while random.random() > is_late and (waiting := self.waiting()):
                shard = random.choice(waiting)
                if shard.replays and random.random() < 0.7:
                    break
                self.tell(shard)
        while waiting := self.waiting():
            shard = random.choice(waiting)
            for _ in range(random.choice((1, 1, 2, 4, len(shard.queue)))):
                if shard.queue:
                    self.tell(shard)
        for shard in self.shards:
            self.end_replay(shard)

    def waiting(self) -> list[Shard]:
        return [shard for shard in self.shards if shard.queue]

    def tell(self, shard: Shard) -> None:
        """The shard's next event. In a replay, only the last of each server counts (replays.py)."""
        one, shown = shard.queue.pop(0)
        if not shard.replays:
            self.report(one, shown)
            self.look()
            return
        _, latest = shard.held.get(one, (b"", 0))
        shard.held[one] = shown, max(latest, began_at(read_report(shown).activities))
        if not shard.queue or self.random.random() < 0.1:
            self.end_replay(shard)

    def end_replay(self, shard: Shard) -> None:
        shard.replays = False
        for one, (shown, latest) in shard.held.items():
            self.report(one, shown)
            self.merged.note_skipped(latest)
        shard.held.clear()
        self.look()

    def report(self, one: int, shown: bytes) -> None:
        away = [other for other in self.servers if self.shards[other % 2].replays]
        self.merged.report(one, shown, self.servers, (), away)
        if self.random.random() < 0.1:
            self.merged = MergedPresence.restore(self.merged.shown, self.merged.stored())

    def look(self) -> None:
        if (shown := parts(self.merged.shown)) != self.seen[-1]:
            self.seen.append(shown)

    def settle(self) -> None:
        for _ in range(SETTLED_TICKS):
            self.merged.tick(self.servers, lambda _: True)

    def mistakes(self) -> set[str]:
        """Where servers hide parts, what was shown in some order is not told from the outside."""
        found = set()
        for true, seen in zip(
            zip(*self.true, strict=True), zip(*self.seen, strict=True), strict=True
        ):
            if not set(seen) <= set(true):
                found.add("was never true")
            elif self.shows_all and not _goes_on(true, seen):
                found.add("went back")
        return found


def _goes_on(true: Sequence[Part], seen: Sequence[Part]) -> bool:
    at = 0
    for part in seen:
        if part not in true[at:]:
            return False
        at = true.index(part, at)
    return True


def test_no_more_goes_wrong_than_is_known() -> None:
    """In the end, all is right."""
    mistakes: Counter[str] = Counter()
    for seed in STORIES:
        story = Story(seed)
        story.play()
        mistakes.update(story.mistakes())
        story.settle()
        assert parts(story.merged.shown) == story.true[-1], seed
    assert all(mistakes[what] <= most for what, most in MOST.items()), mistakes
