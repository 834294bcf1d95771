"""When Redis came back with older data, or with none: only then may that be seen."""

from __future__ import annotations

import time
from typing import Final

_SEEN_WITHIN: Final = 30.0  # seconds in which every user is written again, and received


class RollbackTracker:
    """How often Redis was set back so far, and whether that or another loss may still be seen."""

    def __init__(self) -> None:
        self._count = 0
        self._until = 0.0  # seconds of time.monotonic()
        self._has_lost = False
        self._incomplete_until = 0.0

    def begins(self) -> None:
        """Redis goes, and older data is what it comes back with."""
        self._count += 1
        self._until = float("inf")
        self.loses()

    def loses(self) -> None:
        """Redis goes, or is emptied, and holds less afterwards than it did."""
        self._has_lost = True
        self._incomplete_until = float("inf")

    def healed(self) -> None:
        """It is back: from now on every user is being written again."""
        until = time.monotonic() + _SEEN_WITHIN
        self._until, self._incomplete_until = min(self._until, until), until

    def held_up(self) -> None:
        """Users cannot be written again now, so all of this may be seen for longer."""
        until = time.monotonic() + _SEEN_WITHIN
        if self.now():
            self._until = max(self._until, until)
        if self.is_incomplete():
            self._incomplete_until = max(self._incomplete_until, until)

    def is_incomplete(self, *, reads_late: bool = False) -> bool:
        """Whether readers may see what was written before all shards had written their users again.

        `reads_late`: as for `now`.
        """
        return self._has_lost if reads_late else time.monotonic() < self._incomplete_until

    def now(self, *, reads_late: bool = False) -> int:
        """The number of the setback that readers may see now, counted from 1; 0: none.

        `reads_late`: a slow reader may see it at any time.
        """
        return self._count if reads_late or time.monotonic() < self._until else 0
