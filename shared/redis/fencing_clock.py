"""Redis' time as this process knows it: numbers that put the writes of all processes in order."""

from __future__ import annotations

import time


class FencingClock:
    """Gives each number once, each greater than the last: microseconds since 1970.

    What Redis said last is the base, so that two processes differ by the time that its answer
    took to come. Until it has said anything this machine's own time has to do.
    """

    def __init__(self) -> None:
        self._base = time.time_ns() // 1000 - _monotonic()
        self._last = 0

    def heard(self, seconds: int, microseconds: int) -> None:
        """Redis has answered TIME just now."""
        self._base = seconds * 1_000_000 + microseconds - _monotonic()

    def outgrow(self, number: int) -> None:
        """Whatever is given from now on is greater than that."""
        self._last = max(self._last, number)

    def next(self) -> int:
        self._last = max(self._last + 1, self._base + _monotonic())
        return self._last


def _monotonic() -> int:
    return time.monotonic_ns() // 1000
