"""Fences: numbers that put the writes of all processes in order, by Redis' clock."""

from __future__ import annotations

import time


class FencingClock:
    """Gives each number once, each greater than the last: microseconds since 1970.

    Redis' last answer to TIME is the base, so the clocks of two processes differ by the time that
    the answer took to arrive. Until the first answer this machine's own clock is used.
    """

    def __init__(self) -> None:
        self._base = time.time_ns() // 1000 - _monotonic_us()
        self._last = 0

    def synchronize(self, seconds: int, microseconds: int) -> None:
        """Redis has just answered TIME with this."""
        self._base = seconds * 1_000_000 + microseconds - _monotonic_us()

    def advance_past(self, number: int) -> None:
        """Every number from now on is greater than this one."""
        self._last = max(self._last, number)

    def next(self) -> int:
        """A number that was not given before."""
        self._last = max(self._last + 1, self._base + _monotonic_us())
        return self._last


def _monotonic_us() -> int:
    return time.monotonic_ns() // 1000
