"""How many connections a server holds, how many of one address, and how long each may take.

Clients that connect and say nothing, or a byte now and then, must not fill a server. So a newcomer
always gets a place while another connection is still pending (has sent no whole request or
handshake): the one that has been pending longest is closed for it. A client that behaves is
pending for one round trip.
"""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

from shared.net.client_address import budget
from shared.net.deadlines import Deadlines

RESERVED_FILES: Final = 256
"""File descriptors for all but clients: Redis, profile source, log, listeners, refused clients."""

SWEEP_INTERVAL_S: Final = 0.5


class LimitedConnection(Protocol):
    """A connection as the limiter needs it."""

    address: str | None
    """The address that it counts for. None until `acquire_address`; kept by the limiter."""

    def on_deadline(self) -> None:
        """Close at once: the deadline has passed, or another connection needs the place."""


class ConnectionCounter:
    """How many connections each address has open. Addresses: shared/net/client_address.py."""

    def __init__(self, max_per_address: int) -> None:
        self._max_per_address = max_per_address
        self._open: dict[str, int] = {}

    def acquire(self, address: str) -> bool:
        """Count one more connection. False, and not counted, when the address has its share."""
        held = self._open.get(address, 0)
        if held >= budget(address, self._max_per_address):
            return False
        self._open[address] = held + 1
        return True

    def release(self, address: str) -> None:
        """The connection is closed."""
        held = self._open.pop(address) - 1
        if held:
            self._open[address] = held


class ConnectionLimiter:
    """Counts every open connection, and closes those that are pending or silent for too long."""

    def __init__(
        self, *, max_connections: int, max_connections_per_address: int, max_pending: int
    ) -> None:
        self.connections = 0  # open now
        self.closed = 0  # connections that were closed here: too slow, or place needed
        self._max_connections = max_connections
        self._max_pending = max_pending
        self._addresses = ConnectionCounter(max_connections_per_address)
        self._pending: dict[LimitedConnection, None] = {}  # a dict keeps the order of arrival
        self._deadlines: Deadlines[LimitedConnection] = Deadlines()

    @property
    def pending(self) -> int:
        """How many connections are pending."""
        return len(self._pending)

    @property
    def deadlines(self) -> int:
        """How many connections have a deadline."""
        return len(self._deadlines)

    def add(self, connection: LimitedConnection) -> bool:
        """A new connection, which is pending. False when it is one too many.

        It is counted in any case, until `remove`: a refused client still has to read the refusal.
        """
        full = self.connections >= self._max_connections and not self._close_longest_pending()
        if len(self._pending) >= self._max_pending:
            self._close_longest_pending()
        self.connections += 1
        self._pending[connection] = None
        return not full

    def remove(self, connection: LimitedConnection) -> None:
        """The connection is closed. To be called once for each."""
        self.connections -= 1
        if connection.address is not None:
            self._addresses.release(connection.address)
            connection.address = None
        self._forget(connection)

    def acquire_address(self, connection: LimitedConnection, address: str | None) -> bool:
        """Count the connection for its address. False when the address is at its limit.

        None is not counted: see shared/net/client_address.py.
        """
        if address is None:
            return True
        if not self._addresses.acquire(address):
            return False
        connection.address = address
        return True

    def set_pending(self, connection: LimitedConnection) -> None:
        """From now on the next request is awaited."""
        self._pending[connection] = None

    def clear_pending(self, connection: LimitedConnection) -> None:
        """The request or handshake is whole."""
        self._pending.pop(connection, None)

    def set_deadline(self, connection: LimitedConnection, seconds: float) -> None:
        """Call `on_deadline` after so many seconds; replaces the earlier deadline."""
        self._deadlines.set(connection, seconds)

    def clear_deadline(self, connection: LimitedConnection) -> None:
        """It was met."""
        self._deadlines.clear(connection)

    def sweep(self) -> None:
        """Close the connections whose deadline has passed."""
        for connection in self._deadlines.expired():
            if self.is_idle(connection):
                self._forget(connection)
                connection.on_deadline()
            else:
                self._close(connection)

    def is_idle(self, connection: LimitedConnection) -> bool:
        """Whether it has done all that it began: its end at the deadline does not count as one of
        `closed`."""
        return False

    async def run(self, interval_s: float = SWEEP_INTERVAL_S) -> None:
        """Sweep until cancelled."""
        while True:
            await asyncio.sleep(interval_s)
            self.sweep()

    def _close_longest_pending(self) -> bool:
        if not self._pending:
            return False
        self._close(next(iter(self._pending)))
        return True

    def _close(self, connection: LimitedConnection) -> None:
        self.closed += 1
        self._forget(connection)
        connection.on_deadline()

    def _forget(self, connection: LimitedConnection) -> None:
        self._pending.pop(connection, None)
        self._deadlines.clear(connection)
