"""How far a reader has come among all that was ever true."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Final, TypeVar

from chaos.facts import Seen, Who
from chaos.half_minute import NOTHING_MISSING, Missing
from chaos.history import History

T = TypeVar("T")

ACTIVITIES: Final = attrgetter("activities")
PARTS: Final = (
    (attrgetter("status"), ""),
    (attrgetter("song"), "song"),
    (ACTIVITIES, "other"),
    (attrgetter("custom"), "custom"),
)
"""With the kind of what may be missing there."""

_ALIKE: Final = 2


class Position:
    """How far one reader is in one person's history.

    Names and devices come to the gateway by different events, so each has an order of its own. So
    has each part of a presence of which guilds are shown different parts, or two shards tell: one
    of them may be far behind.
    """

    __slots__ = ("_devices", "_names", "_parts", "_seen")

    def __init__(self) -> None:
        self._seen, self._names, self._devices = _Order(), _Order(), _Order()
        self._parts = [_Order() for _ in PARTS]

    def moves_to(
        self,
        history: History,
        user_id: str,
        seen: Seen | None,
        who: Who | None,
        setback: int = 0,
        *,
        is_incomplete: bool = False,
        reads_late: bool = False,
    ) -> str:
        """Take what the reader is shown now. Gives what is wrong with it, or an empty string.

        `setback`: the number of the time that Redis came back with older data, if that may be
        seen now. Each time is good for one step back, of each order. `is_incomplete`: Redis has
        lost data, and what is written so far may be of some shards only, each as of its own time.
        `reads_late`: what is shown may have been hidden any time ago.
        """
        is_heard_twice = history.is_heard_twice(user_id)
        differs = history.differs_by_guild(user_id)
        chooses = history.chooses(user_id)
        any_order = chooses or (is_heard_twice and differs)
        problems = []
        if seen is not None:
            states, missing = history.seen.get(user_id, []), history.missing.get(user_id, [])
            if differs or is_heard_twice or chooses:
                some = history.incomplete.get(user_id, ()) if is_incomplete else ()
                for (part, kind), order in zip(PARTS, self._parts, strict=True):
                    parts, shown = [part(state) for state in states], part(seen)
                    if history.outages.permit(user_id, kind, shown, parts, reads_late=reads_late):
                        continue
                    is_partial = any(part(state) == shown for state in some)
                    if part is ACTIVITIES and is_incomplete and is_heard_twice:
                        is_partial = is_partial or _is_mixed(shown, parts)
                    if shown in parts or not is_partial:
                        problems.append(
                            order.move(parts, shown, setback, any_order, _of(missing, kind))
                        )
            else:
                problems.append(self._seen.move(states, seen, setback, any_order))
        if who is not None:
            names = history.names.get(user_id, [])
            problems.append(self._names.move(names, who.names, setback, is_heard_twice))
            devices = history.devices.get(user_id, [])
            problems.append(self._devices.move(devices, who.devices, setback, any_order))
        return "; ".join(filter(None, problems))


class _Order:
    """A place among states that follow each other."""

    __slots__ = ("_at", "_returned", "_setbacks")

    def __init__(self) -> None:
        self._at = 0
        self._setbacks = 0  # that have been seen
        self._returned = NOTHING_MISSING  # what was hidden for half a minute, and is back

    def move(
        self,
        states: Sequence[T],
        state: T,
        setback: int,
        any_order: bool,
        missing: Sequence[Missing] = (),
    ) -> str:
        """Go on to this state; what is wrong where it is not further on.

        `missing`: of each state, what is hidden there only for half a minute. Once it is seen
        again, it stays.
        """
        start = self._at
        for at in range(start, len(states)):
            if states[at] == state and not (missing and missing[at] & self._returned):
                if missing:
                    self._returned |= missing[start] - missing[at]
                self._at = at
                return ""
        if state not in states:
            return (
                f"was never true: {state}; most like it {_most_like(states, state)}; "
                f"lately {list(states[-3:])}"
            )
        was = states.index(state)
        if any_order:
            return ""
        if setback > self._setbacks:
            # An earlier one may be seen only after a later one has begun; hence not `= setback`.
            self._setbacks = max(self._setbacks + 1, setback - 1)
            self._at = was
            return ""
        return f"went back from {start}: {states[start]} to {was}: {state}, of {len(states)}"


def _of(missing: Sequence[Missing], kind: str) -> list[Missing]:
    """Those of one kind."""
    return [one and frozenset(item for item in one if item.kind == kind) for one in missing]


def _is_mixed(shown: Sequence[object], states: Sequence[Sequence[object]]) -> bool:
    """Whether each of these activities was shown at some time: by two shards, of which one is late
    and nothing is left to tell so."""
    return all(any(activity in state for state in states) for activity in shown)


def _most_like(states: Sequence[T], state: T) -> str:
    """Of a whole presence, the states that have most of its parts: each with its place."""
    if not isinstance(state, Seen):
        return "none"
    alike = [
        (sum(part(one) == part(state) for part, _ in PARTS), place)
        for place, one in enumerate(states)
    ]
    nearest = sorted(place for _, place in sorted(alike)[-_ALIKE:])
    return ", ".join(f"{place}: {states[place]}" for place in nearest)
