"""Connections whose handshake is not done yet: there is always room for one more.

A thousand of them that say nothing would hold files and memory until their time is up. So whoever
has waited longest goes for a newcomer: an honest client is through in a moment.
"""

from __future__ import annotations

from typing import Protocol


class Waiting(Protocol):
    """A connection as the lobby sees it."""

    def out_of_time(self) -> None:
        """It has waited longest, and another one needs the place."""


class PendingHandshakes:
    """Knows who waits, in the order in which they came."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._waiting: dict[Waiting, None] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def enter(self, client: Waiting, *, crowded: bool) -> None:
        """`crowded`: more connections are open than may be, whatever the lobby holds."""
        self._waiting[client] = None
        if (crowded or len(self._waiting) > self._places) and len(self._waiting) > 1:
            longest = next(iter(self._waiting))
            self.leave(longest)
            longest.out_of_time()

    def leave(self, client: Waiting) -> None:
        """It is let in, answered, or gone."""
        self._waiting.pop(client, None)
