"""When Redis came back with older data: only then may a reader be shown an older state again."""

from __future__ import annotations

import time
from typing import Final

_SEEN_WITHIN: Final = 30.0  # seconds in which every user is written again, and received


class RollbackTracker:
    """How often Redis was set back so far, and whether the last time may still be seen."""

    def __init__(self) -> None:
        self._count = 0
        self._until = 0.0  # seconds of time.monotonic()

    def begins(self) -> None:
        """Redis goes, and older data is what it comes back with."""
        self._count += 1
        self._until = float("inf")

    def healed(self) -> None:
        """It is back: from now on every user is being written again."""
        self._until = time.monotonic() + _SEEN_WITHIN

    def held_up(self) -> None:
        """Users cannot be written again now, so the rollback may be seen for longer."""
        if self.now():
            self._until = max(self._until, time.monotonic() + _SEEN_WITHIN)

    def now(self, *, reads_late: bool = False) -> int:
        """The number of the setback that readers may see now, counted from 1; 0: none.

        `reads_late`: a slow reader may see it at any time.
        """
        return self._count if reads_late or time.monotonic() < self._until else 0
