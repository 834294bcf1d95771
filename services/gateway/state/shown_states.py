"""What was shown of a user lately, and how far each guild has come in it.

Discord tells all guilds of the same states in the same order, but the shard of one may be late. A
status has no time. So whether a report is the next state or an old one is told by what was shown
since the guild's last report: what was shown then, and is not shown now, is old.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Self

from msgspec import Raw, Struct

from services.gateway.state.guild_report import (
    KINDS,
    GuildReport,
    began_at,
    kind_of,
    newest_of,
    read_report,
)

SETTLE_TICKS: Final = 60  # of MergedPresence.tick: as long as another shard may be behind
SETTLE_TICKS_ELSEWHERE: Final = 240  # whether another process is behind is not known here
_MAX_STATES: Final = 8
_LOST: Final = -1  # in place of a place: the state is not kept any more

Shares = Mapping[int, frozenset[str]]
"""The kinds of activities that each guild is known to show."""


class StoredStates(Struct, omit_defaults=True):
    """As ShownStates has them, without the last one."""

    states: list[Raw]
    places: dict[str, int]
    past: list[int] = []
    ticks: int = 0


class ShownStates:
    """The last one is shown. Earlier ones are kept until all guilds have come further."""

    __slots__ = ("hides", "past", "places", "skipping", "states", "ticks")

    def __init__(self, states: list[bytes], places: dict[int, int]) -> None:
        self.states = states
        self.hides: dict[int, frozenset[str]] = {}  # the kinds that a guild is known not to show
        # Which of them each guild has reported last. A guild without a place may have reported any.
        self.places = places
        self.skipping: set[int] = set()  # guilds whose next report may be much later than the last
        self.past: set[int] = set()  # guilds whose last report was old when it came
        self.ticks = 0  # since the last change, while events of all guilds come

    @classmethod
    def restore(cls, stored: StoredStates, shown: bytes) -> Self:
        """As `stored` gave it."""
        last = len(stored.states)
        places = {int(one): max(_LOST, min(at, last)) for one, at in stored.places.items()}
        restored = cls([*map(bytes, stored.states), shown], places)
        restored.past.update(stored.past)
        restored.ticks = stored.ticks
        return restored

    def stored(self) -> StoredStates:
        """For `restore`."""
        places = {str(one): place for one, place in self.places.items()}
        return StoredStates([*map(Raw, self.states[:-1])], places, [*self.past], self.ticks)

    @property
    def is_passed(self) -> bool:
        """Whether all guilds have reported the last one."""
        return all(place == len(self.states) - 1 for place in self.places.values())

    def is_there(self, guild_id: int) -> bool:
        """Whether the guild has reported the last one."""
        return self.places.get(guild_id) == len(self.states) - 1

    def is_behind(self, guild_id: int) -> bool:
        """Whether the guild is known not to have reported the last one."""
        return guild_id in self.places and not self.is_there(guild_id)

    def is_last_to_follow(self, guild_id: int) -> bool:
        """Whether all other guilds have reported the last one, and this one has the one before."""
        last = len(self.states) - 1
        return all(
            place == (last - 1 if one == guild_id else last) for one, place in self.places.items()
        )

    def tick(self, live: Iterable[bool | None]) -> bool:
        """Whether what is shown has not changed for so long that no guild can be late any more.

        `live`: whether the events of each guild come now. None: another process knows.
        """
        known = [*live]
        if False not in known:
            self.ticks += 1
        return self.ticks >= (SETTLE_TICKS_ELSEWHERE if None in known else SETTLE_TICKS)

    def has(
        self, guild_id: int, old: GuildReport, new: GuildReport, shares: frozenset[str]
    ) -> bool:
        """Whether the guild reports what was shown since its last report. Note how far it has come.

        `old`: its last report. `shares`: the kinds of activities that it is known to show.
        """
        if (new.state, new.groups) == (old.state, old.groups):  # Discord repeats it
            if guild_id not in self.places:
                self._find(guild_id, new, KINDS - shares)
            self._advance(guild_id, new)
            place = self.places.get(guild_id, _LOST)
            return place > _LOST and self._may_be(place, new, KINDS - shares)
        hidden = self.hides.get(guild_id, frozenset()) - _kinds(new)
        self.hides[guild_id] = hidden
        candidates = range(self.places.get(guild_id, _LOST) + 1, len(self.states))
        # A guild that was not heard for a time has hardly come to what it reports now before.
        is_next = guild_id in self.places and guild_id not in self.skipping
        self.skipping.discard(guild_id)
        # A late guild reports each state in turn: one further on may be the same by chance.
        is_certain = not self.is_lost(guild_id)
        is_late = is_next and guild_id in self.past
        for later in candidates if is_next else reversed(candidates):
            if self._may_be(later, new, KINDS - shares) and (
                is_certain or self._is_proven(later, new, shares)
            ):
                self.places[guild_id] = later
                self.hides[guild_id] = hidden | (_kinds(read_report(self.states[later])) - shares)
                return True
            is_certain = is_certain and not is_late
        return False

    def note_past(self, guild_id: int, *, is_past: bool) -> None:
        """Note whether the guild's report is old as it comes."""
        self.past.discard(guild_id)
        if is_past:
            self.past.add(guild_id)

    def is_shown(self, report: GuildReport, shares: frozenset[str]) -> bool:
        """Whether a guild that shows these kinds of activities may report what is shown now so."""
        return self._may_be(len(self.states) - 1, report, KINDS - shares)

    def is_lost(self, guild_id: int) -> bool:
        """Whether the guild is further behind than states are kept."""
        return self.places.get(guild_id) == _LOST

    def late(self, reports: Mapping[int, GuildReport], shares: Shares) -> dict[int, int]:
        """How far the guilds have come that report what is not shown any more."""
        last = len(self.states) - 1
        return {
            one: self.places.get(one, _LOST)
            for one, report in reports.items()
            if self.places.get(one, _LOST) < last
            and not self._may_be(last, report, KINDS - shares.get(one, frozenset()))
        }

    def show(self, presence: bytes, reports: Mapping[int, GuildReport]) -> None:
        """This is shown now. `reports`: the last one of each guild."""
        if presence != self.states[-1]:
            self.states.append(presence)
            self.ticks = 0
        for guild_id in self.places.keys() - reports.keys():
            del self.places[guild_id]
        last = len(self.states) - 1
        for guild_id, report in reports.items():
            if self.places.get(guild_id, last) < last:
                self._advance(guild_id, report)
        needed = min((self.places.get(one, 0) for one in reports), default=0)
        dropped = max(needed, len(self.states) - _MAX_STATES)
        if dropped > 0:
            del self.states[:dropped]
            self.places = {one: max(at - dropped, _LOST) for one, at in self.places.items()}

    def reach(self, guild_id: int) -> None:
        """What is shown now is the state that this guild has reported."""
        self.places[guild_id] = len(self.states) - 1

    def hide(self, reports: Mapping[int, GuildReport]) -> None:
        """Note what guilds hide. They have long come to what is shown, so it is what they lack."""
        shown = _kinds(read_report(self.states[-1]))
        for guild_id, report in reports.items():
            if report.state:
                self.hides[guild_id] = shown - _kinds(report)

    def _is_proven(self, later: int, new: GuildReport, shares: frozenset[str]) -> bool:
        """Whether a guild that may be further behind has come to this one: it shows what began
        last. Its status may be the same by chance."""
        newest = began_at(new.activities)
        states = map(read_report, self.states[: later + 1])
        return newest > 0 and newest >= max(
            newest_of(state, kind) for state in states for kind in shares or KINDS
        )

    def _advance(self, guild_id: int, report: GuildReport) -> None:
        """Move the guild on, past states that differ in nothing that it shows."""
        if self.is_lost(guild_id):
            return
        place = self.places.get(guild_id, _LOST) + 1
        hides = self.hides.get(guild_id, frozenset())
        while place < len(self.states) and self._may_be(place, report, hides):
            self.places[guild_id] = place
            place += 1

    def _find(self, guild_id: int, report: GuildReport, hides: frozenset[str]) -> None:
        """Place a guild that may have reported any state: it reports this one."""
        for place in reversed(range(len(self.states))):
            if self._may_be(place, report, hides):
                self.places[guild_id] = place
                break

    def _may_be(self, place: int, report: GuildReport, hides: frozenset[str]) -> bool:
        """Whether a guild that hides these kinds of activities may report this state so."""
        state = read_report(self.states[place])
        if state.state != report.state:
            return False
        if state.groups == report.groups:
            return True
        return all(state.groups.get(key) == group for key, group in report.groups.items()) and all(
            key in report.groups or kind_of(key) in hides for key in state.groups
        )


def _kinds(report: GuildReport) -> frozenset[str]:
    return frozenset(map(kind_of, report.groups))
