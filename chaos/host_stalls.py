"""When the machine stalled the run itself: what was late then is not Grux's fault."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from chaos.fault_window import MACHINE, FaultWindow

_EVERY: Final = 0.05  # seconds
_LATE: Final = 0.25  # seconds: a stall
_NOTICEABLE: Final = 0.02  # seconds: a delay


class HostStalls:
    """Sleeps for a moment again and again, and notes when it was woken late, until cancelled."""

    def __init__(self) -> None:
        self.windows: list[FaultWindow] = []  # stalls
        self.delays: list[FaultWindow] = []  # also the small ones, of which a second is full on a
        # machine with too much to do: for what is measured to the second

    async def run(self) -> None:
        slept = time.monotonic()
        while True:
            await asyncio.sleep(_EVERY)
            woken = time.monotonic()
            self.look(slept, woken)
            slept = woken

    def look(self, slept: float, woken: float) -> None:
        """From when to when it slept, in seconds of time.monotonic()."""
        due = slept + _EVERY
        if woken > due + _NOTICEABLE:
            self.delays.append(FaultWindow(MACHINE, due, woken))
        if woken > due + _LATE:
            self.windows.append(FaultWindow(MACHINE, slept, woken))

    @property
    def total_s(self) -> float:
        """For how long the machine stalled."""
        return sum(window.ended - window.began for window in self.windows)

    def given_s(self, began: float, ended: float) -> float:
        """For how many of the seconds between these two moments it did not stall."""
        stalled = (min(ended, one.ended) - max(began, one.began) for one in self.windows)
        return ended - began - sum(seconds for seconds in stalled if seconds > 0)
