"""HTTP connection limits: totals, per-IP counts, and deadlines for the request head and for
reading the response.

uvicorn waits for a request's head as long as the client likes, takes heads of any size, and keeps
a response for a client that does not read it: a thousand clients that say a little now and then
would fill the process.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from msgspec import Struct

from shared.http import errors
from shared.http.responses import RawResponse
from shared.net.client_address import Networks, client_ip
from shared.net.connection_limiter import RESERVED_FILES, ConnectionLimiter, LimitedConnection


class ConnectionLimits(Struct, frozen=True, kw_only=True):
    """The file limit is below `max_connections` nearly everywhere: see `limits_within`."""

    max_connections: int = 1_000_000  # of this process
    max_connections_per_address: int = 200
    trusted_proxies: Networks = ()  # they speak for many clients, and are not counted

    head_timeout_s: float = 10.0  # from the connection or the last response to the end of the head
    response_timeout_s: float = 20.0  # from there until the client has read the response
    max_pending: int = 4096  # without a request under way: idle ones, and incomplete heads
    max_head_bytes: int = 32_768  # cookies of a shared domain pass through here
    max_headers: int = 128  # each takes some hundred bytes, however short it is
    max_pipelined: int = 16  # requests that were sent before their predecessors' responses


def limits_within(
    files: int, *, max_connections: int, connections_per_address: int, trusted: Networks
) -> ConnectionLimits:
    """Limits of a process that may have `files` open. A limit of 0 is as high as those allow."""
    most = max(1, files - RESERVED_FILES)
    return ConnectionLimits(
        max_connections=min(max_connections or most, most),
        max_connections_per_address=connections_per_address or most,
        trusted_proxies=trusted,
    )


@runtime_checkable
class KeptAlive(Protocol):
    """A connection that may have nothing under way."""

    @property
    def is_idle(self) -> bool:
        """Whether the last response was written without uvicorn, and taken, and nothing came since.
        uvicorn has a timer for other idle connections, and closes them earlier."""


class HttpConnectionLimiter(ConnectionLimiter):
    """A connection is pending until its request's head is whole, and again after the response."""

    def __init__(self, limits: ConnectionLimits) -> None:
        super().__init__(
            max_connections=limits.max_connections,
            max_connections_per_address=limits.max_connections_per_address,
            max_pending=limits.max_pending,
        )
        self.limits = limits
        self.refused = 0  # connections that got an error instead of a place

    def open(self, connection: LimitedConnection, peer: str) -> RawResponse | None:
        """A new connection from `peer`. A response: send it, and close."""
        has_place = self.add(connection)
        self.set_deadline(connection, self.limits.head_timeout_s)
        client = client_ip(peer, "", self.limits.trusted_proxies)
        has_share = self.acquire_address(connection, client)
        if has_place and has_share:
            return None
        self.refused += 1
        return errors.FULL if has_share else errors.CROWDED

    def is_idle(self, connection: LimitedConnection) -> bool:
        return isinstance(connection, KeptAlive) and connection.is_idle

    def head_received(self, connection: LimitedConnection) -> None:
        """A request's head is whole."""
        self.clear_pending(connection)
        self.set_deadline(connection, self.limits.response_timeout_s)

    def answered(self, connection: LimitedConnection) -> None:
        """A request's head is whole, and the response to it is written already."""
        self.clear_pending(connection)  # to the end of those that are pending
        self.response_written(connection)

    def response_written(self, connection: LimitedConnection) -> None:
        """The last of a response is written, whether the client has read it or not."""
        self.set_pending(connection)
        self.set_deadline(connection, self.limits.head_timeout_s)
