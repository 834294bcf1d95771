"""Gaps: states that a client was not shown, though it kept up and nothing on the way was broken."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from msgspec import Struct

from chaos.facts import Seen
from chaos.fault_window import FaultWindow

_EARLY: Final = 1.0  # seconds by which a client may hear of a state before the run itself does
_LATE: Final = 1.0  # seconds, beside those for which a state has to stand, that it may take


class At(Struct, frozen=True):
    """A state, and since when: in seconds of time.monotonic(). None: the user is not monitored."""

    at: float
    seen: Seen | None


class Watched(Struct, frozen=True):
    """What one connection was told of one user, in order, and when it might miss some."""

    told: Sequence[At]
    windows: Sequence[FaultWindow]


def due(published: Sequence[At], watched: Watched, stood: float) -> list[tuple[At, float]]:
    """The states that the connection had to show, and for how long each of them stood.

    Those that stood for at least `stood` seconds while the connection showed the user, of which
    nothing on the way was broken then, and after which the connection was told something newer:
    frames come in order, so whatever it was not told by then it never will be.
    """
    if not watched.told:
        return []
    newest = _newest(published, watched.told)
    removed = next((one.at for one in watched.told if one.seen is None), float("inf"))
    found = []
    for state, following in pairwise(published[: newest + 1]):
        latest = state.at + stood + _LATE
        if (
            state.seen is not None
            and following.at - state.at >= stood
            and watched.told[0].at <= state.at
            and latest <= removed
            and not any(window.touches(state.at, latest) for window in watched.windows)
        ):
            found.append((state, following.at - state.at))
    return found


def gaps(published: Sequence[At], watched: Watched, stood: float) -> list[str]:
    """What the connection had to show and did not."""
    told = watched.told
    times = [one.at for one in told]
    problems = []
    for state, seconds in due(published, watched, stood):
        # What it showed when the state came, and everything since.
        first = max(0, bisect_left(times, state.at - _EARLY) - 1)
        if not any(one.seen == state.seen for one in told[first:]):
            problems.append(f"was not shown {state.seen}, which stood for {seconds:.2f} s")
    return problems


def _newest(published: Sequence[At], told: Sequence[At]) -> int:
    """The place of the newest state that was told; -1: none."""
    places: dict[Seen | None, list[int]] = {}
    for place, state in enumerate(published):
        places.setdefault(state.seen, []).append(place)
    return max(
        (
            place
            for one in told
            for place in places.get(one.seen, [])
            if published[place].at - _EARLY <= one.at
        ),
        default=-1,
    )
