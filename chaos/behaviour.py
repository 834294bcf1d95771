"""What simulated people do next: one thing changes, and the others go on as they are."""

from __future__ import annotations

import itertools
import random
from typing import Final

from simulator import catalogue
from simulator.activities import spotify
from simulator.model import CUSTOM_STATUS, Json, Presence, offline

_EPOCH_MS: Final = 2_000_000_000_000  # after those of the population: `created_at` grows
_GAMES: Final = (("Chess", 0), ("Go", 0), ("Checkers", 0), ("Chess Cinema", 3))  # names and types
_MOST_GAMES: Final = 3  # at once
_STATUSES: Final = ("online", "idle", "dnd")
_DEVICES: Final = ("desktop", "mobile", "web")


class Behaviour:
    """Seeded. Each activity has a `created_at` of its own, which it keeps for as long as it goes
    on; one that is changed begins anew."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._counter = itertools.count(1)
        self._lines: dict[str, Json] = {}  # by user: the custom status before they went offline

    def next(self, user_id: str, now: Presence) -> Presence:
        """What the user does after `now`. It always differs from that."""
        chance = self._rng.random()
        if now.status == "offline":
            return self._come(user_id)
        if chance < 0.14:
            for one in now.activities:
                if one["type"] == CUSTOM_STATUS:
                    self._lines[user_id] = one
            return offline()
        if chance < 0.2:
            return self._with_status(now, now.activities)
        activities = self._change(user_id, [*now.activities])
        if self._rng.random() < 0.5:
            return Presence(now.status, activities, now.client_status)
        return self._with_status(now, activities)

    def _come(self, user_id: str) -> Presence:
        """Online, with several activities at once; the custom status may be the one of before."""
        rng = self._rng
        shown = [self._game(*one) for one in rng.sample(_GAMES, rng.choice((0, 0, 1, 1, 2)))]
        if rng.random() < 0.3:
            shown.append(self._song(user_id))
        line = self._lines.get(user_id)
        if rng.random() < 0.8:
            shown.append(line if line and rng.random() < 0.5 else self._line())
        rng.shuffle(shown)  # what began last may be listed first
        return self._with_status(offline(), shown)

    def _with_status(self, now: Presence, activities: list[Json]) -> Presence:
        status = self._rng.choice([one for one in _STATUSES if one != now.status])
        return Presence(status, activities, {self._rng.choice(_DEVICES): status})

    def _change(self, user_id: str, activities: list[Json]) -> list[Json]:
        """Of the custom status, the song or the games, one begins, ends or is changed."""
        rng, chance = self._rng, self._rng.random()
        if chance < 0.4:
            lines = [one for one in activities if one["type"] == CUSTOM_STATUS]
            rest = [one for one in activities if one not in lines]
            return rest if lines and rng.random() < 0.2 else [self._line(), *rest]
        if chance < 0.6:
            songs = [one for one in activities if one["name"] == "Spotify"]
            rest = [one for one in activities if one not in songs]
            return rest if songs and rng.random() < 0.4 else [*rest, self._song(user_id)]
        return self._play(activities)

    def _play(self, activities: list[Json]) -> list[Json]:
        """A game begins, ends, is followed by another, or goes on to the next move."""
        rng = self._rng
        games = [one for one in activities if one["type"] != CUSTOM_STATUS]
        games = [one for one in games if one["name"] != "Spotify"]
        others = [one for one in _GAMES if one[0] not in {game["name"] for game in games}]
        chance = rng.random()
        if not games or (chance < 0.3 and len(games) < _MOST_GAMES):
            began = self._game(*rng.choice(others))
            return [began, *activities] if rng.random() < 0.5 else [*activities, began]
        one = rng.choice(games)
        place = activities.index(one)
        if chance < 0.6:
            following: list[Json] = []
        elif chance < 0.8:
            following = [self._game(*rng.choice(others))]
        else:
            following = [self._game(one["name"], one["type"])]
        return [*activities[:place], *following, *activities[place + 1 :]]

    def _line(self) -> Json:
        number = next(self._counter)
        line = {"id": "c", "name": "Custom Status", "type": CUSTOM_STATUS, "state": f"#{number}"}
        return {**line, "created_at": _EPOCH_MS + number}

    def _song(self, user_id: str) -> Json:
        return spotify(user_id, self._rng.choice(catalogue.SONGS), _EPOCH_MS + next(self._counter))

    def _game(self, name: str, kind: int) -> Json:
        number = next(self._counter)
        game = {"id": f"g{name}", "name": name, "type": kind, "details": f"move {number}"}
        return {**game, "created_at": _EPOCH_MS + number}
