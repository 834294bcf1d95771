"""How late the event loop comes to what is due: the one number that tells whether it is blocked."""

from __future__ import annotations

import asyncio
from collections import deque
from time import monotonic
from typing import Final

from shared.telemetry.metrics import Distribution

EVERY: Final = 0.1  # seconds between two beats: some µs of CPU each
REMEMBERED: Final = 600  # beats: a minute


class LoopLag:
    """Beats in the loop. What it found may be read from any thread, also while the loop stands."""

    def __init__(self, every: float = EVERY) -> None:
        """`every`: seconds between two beats."""
        self.distribution = Distribution(
            (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
        )
        self._every = every
        self._due = 0.0  # time.monotonic() at which the next beat should come; 0: not begun
        self._lags: deque[float] = deque(maxlen=REMEMBERED)

    def begin(self) -> None:
        """Beat from now on, in the running loop."""
        self._due = monotonic() + self._every
        asyncio.get_running_loop().call_later(self._every, self._beat)

    @property
    def now(self) -> float:
        """Seconds for which a beat has been overdue; 0 before `begin`."""
        return max(0.0, monotonic() - self._due) if self._due else 0.0

    @property
    def worst(self) -> float:
        """The greatest lag of the last minute, in seconds: a beat that is overdue now included."""
        # A tuple of a deque is made in one go: the loop cannot come between.
        return max(self.now, *tuple(self._lags), 0.0)

    def _beat(self) -> None:
        lag = self.now
        self._lags.append(lag)
        self.distribution.add(lag)
        self.begin()
