"""How much each address does in a window of time. Addresses: shared/net/client_address.py."""

from __future__ import annotations

from time import monotonic
from typing import Final

WINDOW: Final = 60.0  # seconds
ADDRESSES: Final = 100_000  # counted at once: a flood from more than these starts a new window


class FixedWindowCounter:
    """Counts in windows, which are the same for all. It refuses nobody: its owner does."""

    def __init__(self, window: float = WINDOW) -> None:
        self._window = window
        self._counts: dict[str, int] = {}
        self._until = 0.0

    def count(self, client: str, more: int = 1) -> int:
        """What it comes to for this one, with so much more."""
        now = monotonic()
        if now >= self._until or len(self._counts) >= ADDRESSES:
            self._counts.clear()
            self._until = now + self._window
        count = self._counts[client] = self._counts.get(client, 0) + more
        return count

    @property
    def left(self) -> float:
        """Seconds until the next window."""
        return self._until - monotonic()
