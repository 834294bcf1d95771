"""How much each address does in a window of time. Addresses: shared/net/client_address.py."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Final

WINDOW_S: Final = 60.0
MAX_ADDRESSES: Final = 100_000


class FixedWindowCounter:
    """Counts in windows that are the same for all addresses. Its owner sets the limit."""

    def __init__(
        self,
        window_s: float = WINDOW_S,
        *,
        max_addresses: int = MAX_ADDRESSES,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """`max_addresses`: a flood from more than these starts a new window. `clock`: seconds."""
        self._window_s = window_s
        self._max_addresses = max_addresses
        self._clock = clock
        self._counts: dict[str, int] = {}
        self._ends_at = 0.0

    def count(self, address: str, amount: int = 1) -> int:
        """Add `amount`, and return the sum of this window."""
        self._begin_window()
        total = self._counts[address] = self._counts.get(address, 0) + amount
        return total

    def has_room(self, address: str, amount: int, limit: int) -> bool:
        """Whether `count` would stay within `limit`. What alone exceeds it has room while nothing
        else was counted: otherwise it never had."""
        self._begin_window()
        counted = self._counts.get(address, 0)
        return not amount or not counted or counted + amount <= limit

    def _begin_window(self) -> None:
        now = self._clock()
        if now >= self._ends_at or len(self._counts) >= self._max_addresses:
            self._counts.clear()
            self._ends_at = now + self._window_s

    @property
    def remaining_s(self) -> float:
        """Seconds until the next window."""
        return self._ends_at - self._clock()
