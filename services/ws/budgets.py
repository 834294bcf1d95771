"""What one address may cost in a minute, over all its connections.

A handshake costs about 0.05 ms, and each user that this process does not follow yet a look-up in
Redis. Connections that are closed at once count like those that stay: a limit of open connections
alone does not bound them.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Final

from services.ws.limits import WsLimits
from shared.net.client_address import SharedAddressNotice, budget
from shared.net.fixed_window import WINDOW_S, FixedWindowCounter

FLOOD_FACTOR: Final = 2
"""So many times the handshakes of an address are a flood: further ones are not even parsed."""


class AddressBudgets:
    """Counts in windows of a minute. An address that is None is not counted: see
    shared/net/client_address.py."""

    def __init__(
        self,
        limits: WsLimits,
        *,
        window_s: float = WINDOW_S,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._limits = limits
        self._notice = SharedAddressNotice()
        self._handshakes = FixedWindowCounter(window_s, clock=clock)
        self._changes = FixedWindowCounter(window_s, clock=clock)
        self._lookups = FixedWindowCounter(window_s, clock=clock)

    def handshake(self, address: str | None) -> int:
        """Count one more handshake. 0: within the budget, 1: over it, 2: a flood."""
        if address is None:
            return 0
        limit = self._limits.handshakes_per_address
        count, most = self._handshakes.count(address), budget(address, limit)
        if count > limit:
            self._notice.over_limit(address)
        return (count > most) + (count > most * FLOOD_FACTOR)

    def subscribe(self, address: str | None, users: int, lookups: int) -> bool:
        """Count a change of subscriptions: `users` that are added or removed, at the handshake or
        in a message, and how many of them have to be looked up. False: it is over the budget, and
        not counted, so that clients who try again leave room for others."""
        if address is None:
            return True
        limits = self._limits
        most_changes = budget(address, limits.changes_per_address)
        most_lookups = budget(address, limits.lookups_per_address)
        if not (
            self._changes.has_room(address, users, most_changes)
            and self._lookups.has_room(address, lookups, most_lookups)
        ):
            return False
        self._changes.count(address, users)
        self._lookups.count(address, lookups)
        return True

    @property
    def retry_after_s(self) -> float:
        """Seconds until the handshakes of an address are counted anew."""
        return max(0.0, self._handshakes.remaining_s)
