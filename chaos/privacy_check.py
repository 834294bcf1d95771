"""What people hide during a run, since when, and every reader that saw it nevertheless.

What is hidden has to be gone a second after the change is stored. A reader that sees it later is
noted, and judged when the run is over: by then it is known when something was broken.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from chaos.facts import NOTHING, Seen, Who
from chaos.fault_window import MACHINE, FaultWindow
from chaos.plan import DURABLE_LINKS, FORGETTING, GATEWAYS, RETURNING_OLDER
from shared.model.user_settings import HIDEABLE_FIELDS, HistoryLevel

VISIBLE: Final = "visible"
LAST_SEEN: Final = "last_seen"
HISTORY: Final = "history"  # activities that are over, the last song among them
NAMES: Final = (*HIDEABLE_FIELDS, VISIBLE, LAST_SEEN, HISTORY)
"""What can be hidden. The last two are, unless the person keeps a history."""

HIDDEN_WITHIN: Final = 1.0  # seconds in which nothing is broken
_SETTLES: Final = 6.0  # seconds after a fault: until another gateway has taken over
_IDENTIFIED_EVERY: Final = 5.0  # seconds: Discord's limit, for the shards of one bot
_REWRITTEN_WITHIN: Final = 30.0  # seconds, where Redis has come back with older data

_ON_THE_WAY: Final = {
    *GATEWAYS,
    *(f"{name}>redis" for name in GATEWAYS),
    *(f"{name}>discord" for name in GATEWAYS),
    *DURABLE_LINKS,
    *("redis", "durable", "discord", "discord for long"),
}
"""Targets of faults between a change and Redis. With Discord away a session may be replayed, and
nothing is written until that ends."""

_TRACES: Final = {
    "status": (b'"status":"online"', b'"status":"idle"', b'"status":"dnd"'),
    "activities": (b'"move ',),
    "spotify": (b'"spotify:',),
    "listening": (b'"listening":{',),
    "custom_status": (b'"#',),
    "badges": (b'"badges":[{',),
    "clan": (b'"clan":{', b'"primary_guild":{'),
    "connected_accounts": (b'"connected_accounts":[{',),
    "decoration": (b'"avatar_decoration_image":"', b'"avatar_decoration_data":{'),
    LAST_SEEN: (b'"last_seen":1', b'"last_seen":2'),  # milliseconds
    HISTORY: (b'"ended_at":1', b'"ended_at":2'),
}
"""By field: what shows it in whatever Redis holds (chaos/workload.py makes the values)."""


_NAME_OF_KEY: Final = {
    "listening": "listening",
    "last_seen": LAST_SEEN,
    "badges": "badges",
    "public_flags": "badges",
    "clan": "clan",
    "primary_guild": "clan",
    "connected_accounts": "connected_accounts",
    "avatar_decoration_image": "decoration",
    "avatar_decoration_data": "decoration",
    "collectibles": "decoration",
    "nameplate_image": "decoration",
    "last_played": HISTORY,
}
"""Of presences, profiles, Lanyard's users, and answers of /now-playing."""


class Choice(Struct, frozen=True):
    """What a person shows."""

    hidden: frozenset[str] = frozenset()  # of HIDEABLE_FIELDS
    visible: bool = True
    history: HistoryLevel = "off"

    @property
    def names(self) -> set[str]:
        """Of NAMES: those that no reader may be sent."""
        return {
            *self.hidden,
            *(() if self.visible else (VISIBLE,)),
            *(() if self.history != "off" and "status" not in self.hidden else (LAST_SEEN,)),
            *(() if self.history == "recent" else (HISTORY,)),
        }

    def shown(self, seen: Seen, who: Who) -> tuple[Seen, Who]:
        """What is to be seen of these facts, where the person is visible."""
        if "status" in self.hidden:
            seen = replace(seen, status=NOTHING.status)
        if "activities" in self.hidden:
            seen = replace(seen, activities=())
        if "spotify" in self.hidden:
            seen = replace(seen, song=None)
        if "custom_status" in self.hidden:
            seen = replace(seen, custom=None)
        if self.hidden & {"status", "device"}:
            who = replace(who, device=None, devices=())
        return seen, who


SHOWS_ALL: Final = Choice()


class Sighting(Struct, frozen=True):
    """A reader saw what was hidden. Times are in seconds of time.monotonic()."""

    reader: str
    process: str  # that the reader asked; empty: Redis
    user_id: str
    field: str
    since: float  # when it was hidden
    at: float

    def exposed_for(self, windows: Sequence[FaultWindow], shards: int = 1) -> float:
        """For how many seconds nothing was broken since it was hidden.

        A Redis that has lost all users gets them back when every shard is in a session, for which
        each may have to wait its turn. Until then it has nothing that could be reduced.
        """
        way = _ON_THE_WAY | {self.process, f"{self.process}>redis", f"clients>{self.process}"}
        since, broken = self.since, []
        for window in windows:
            if window.began > self.at:
                continue
            if window.kind in RETURNING_OLDER:
                since = max(since, window.ended + _REWRITTEN_WITHIN)
            elif window.target in way:
                waits = (shards - 1) * _IDENTIFIED_EVERY if window.kind in FORGETTING else 0.0
                broken.append((window.began, window.ended + _SETTLES + waits))
            elif window.target == MACHINE:  # HostStalls.delays
                broken.append((window.began, window.ended))
        healthy, reached = 0.0, since
        for began, ended in sorted(broken):
            healthy += max(0.0, min(began, self.at) - reached)
            reached = max(reached, min(ended, self.at))
        return healthy + max(0.0, self.at - reached)


class PrivacyCheck:
    """What each person has chosen, and which readers saw something hidden."""

    def __init__(self) -> None:
        self.choices: dict[str, Choice] = {}
        self.sightings: list[Sighting] = []
        self.looks = 0  # at users who hide something
        self._since: dict[str, dict[str, float]] = {}  # by user and field

    def hides(self, user_id: str, choice: Choice, now: float) -> None:
        """The change is stored."""
        self.choices[user_id] = choice
        before = self._since.get(user_id, {})
        self._since[user_id] = {name: before.get(name, now) for name in choice.names}

    def may_show(self, user_id: str, choice: Choice) -> None:
        """A change to this choice is about to be stored: what it shows may be seen from now on."""
        since = self._since.get(user_id, {})
        for name in [*since]:
            if name not in choice.names:
                del since[name]

    def hidden_users(self) -> list[str]:
        """Those who hide anything."""
        return [user_id for user_id, since in self._since.items() if since]

    def look(
        self,
        reader: str,
        process: str,
        user_id: str,
        seen: Seen | None,
        who: Who | None,
        at: float,
        *,
        shown: Collection[str] = (),
    ) -> None:
        """A reader is shown this; None: nothing new. `shown`: by `shown_in`."""
        if user_id not in self._since:
            return
        found = {VISIBLE, *shown}
        if seen is not None:
            found |= {
                name
                for name, is_seen in (
                    ("status", seen.status != NOTHING.status),
                    ("activities", seen.activities),
                    ("spotify", seen.song),
                    ("custom_status", seen.custom),
                )
                if is_seen
            }
        if who is not None and who.devices:
            found |= {"device", "status"}
        self._note(reader, process, user_id, found, at)

    def look_at_history(
        self, reader: str, user_id: str, recent: Sequence[Mapping[str, Any]], at: float
    ) -> None:
        """An api process shows this of the past."""
        if user_id in self._since:
            found = {HISTORY} if recent else set()
            for one in recent:
                found |= _fields_of_entry(one)
            self._note(reader, reader, user_id, found, at)

    def look_at_bytes(self, reader: str, user_id: str, found: Sequence[bytes], at: float) -> None:
        """Redis holds this of the user, or has published it."""
        if user_id not in self._since:
            return
        self._note(reader, "", user_id, {VISIBLE, *fields_in(found)}, at)

    def leaks(
        self, windows: Sequence[FaultWindow], within: float = HIDDEN_WITHIN, shards: int = 1
    ) -> list[str]:
        """What was seen for longer than it may be."""
        found: dict[tuple[str, str, str], str] = {}
        for one in self.sightings:
            seconds = one.exposed_for(windows, shards)
            if seconds > within:
                found.setdefault(
                    (one.reader, one.user_id, one.field),
                    f"{one.reader} {one.user_id}: {one.field} was seen {one.at - one.since:.2f} s "
                    f"after it was hidden, {seconds:.2f} s of them without a fault",
                )
        return list(found.values())

    def _note(
        self, reader: str, process: str, user_id: str, found: Collection[str], at: float
    ) -> None:
        since = self._since[user_id]
        self.looks += bool(since)
        self.sightings += [
            Sighting(reader, process, user_id, name, since[name], at)
            for name in since.keys() & set(found)
            if at - since[name] > HIDDEN_WITHIN
        ]


def _fields_of_entry(entry: Mapping[str, Any]) -> set[str]:
    """Of a history. Some people listen with other players than Spotify when the run begins."""
    is_spotify = entry["kind"] == "listening" and entry["name"] == "Spotify"
    found = {"spotify" if is_spotify else "activities"}
    return found | {"listening"} if entry["kind"] == "listening" else found


def shown_in(part: Mapping[str, Any]) -> set[str]:
    """What this presence or profile shows, of what is in neither Seen nor Who."""
    return {name for key, name in _NAME_OF_KEY.items() if part.get(key)}


def fields_in(found: Sequence[bytes]) -> set[str]:
    """The fields of which there is a trace in these bytes."""
    return {
        name
        for name, traces in _TRACES.items()
        if any(trace in text for text in found for trace in traces)
    }
