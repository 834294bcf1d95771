"""How late the event loop runs what is due: the one number that tells whether it is blocked."""

from __future__ import annotations

import asyncio
from collections import deque
from time import monotonic
from typing import Final

from prometheus_client import Histogram

BEAT_INTERVAL_S: Final = 0.1  # each beat costs some µs of CPU
WORST_OF_BEATS: Final = 600  # a minute
LAG_BUCKETS_S: Final = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0),
)


class LoopLag:
    """Beats in the loop. The results may be read from any thread, also while the loop is blocked.

    All times are in seconds.
    """

    def __init__(self, beat_interval: float = BEAT_INTERVAL_S) -> None:
        self.histogram = Histogram(
            "grux_loop_lag_seconds",
            "How late the event loop ran what was due.",
            buckets=LAG_BUCKETS_S,
            registry=None,
        )
        self._beat_interval = beat_interval
        self._due = 0.0  # time.monotonic() of the next beat; 0: not begun
        self._lags: deque[float] = deque(maxlen=WORST_OF_BEATS)

    def begin(self) -> None:
        """Beat from now on, in the running loop."""
        self._due = monotonic() + self._beat_interval
        asyncio.get_running_loop().call_later(self._beat_interval, self._beat)

    @property
    def now(self) -> float:
        """How long the next beat has been overdue; 0 before `begin`."""
        return max(0.0, monotonic() - self._due) if self._due else 0.0

    @property
    def worst(self) -> float:
        """The greatest lag of the last minute, including a beat that is overdue now."""
        # A deque becomes a tuple in one step, so the loop's thread cannot change it meanwhile.
        return max(self.now, *tuple(self._lags), 0.0)

    def _beat(self) -> None:
        lag = self.now
        self._lags.append(lag)
        self.histogram.observe(lag)
        self.begin()
