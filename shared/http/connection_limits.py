"""HTTP connection limits: totals, per-IP counts, and deadlines for the request head and for
reading the response.

uvicorn waits for a request's head as long as the client likes, takes heads of any size, and keeps
a response for a client that does not read it: a thousand clients that say a little now and then
would fill the process.
"""

from __future__ import annotations

from msgspec import Struct

from shared.config import ApiSettings
from shared.http import errors
from shared.http.responses import RawResponse
from shared.net.client_address import Networks, client_ip
from shared.net.connection_limiter import RESERVED_FILES, ConnectionLimiter, LimitedConnection


class ConnectionLimits(Struct, frozen=True, kw_only=True):
    """Times are in seconds, sizes in bytes."""

    connections: int = 1_000_000  # of this process; the file limit is lower nearly everywhere
    connections_per_address: int = 200
    trusted: Networks = ()  # proxies, which speak for many clients

    head_within: float = 10.0  # from the connection or the last response to the end of the head
    response_within: float = 20.0  # from there until the client has read the response
    pending: int = 4096  # without a request under way: idle ones, and heads that are not whole
    head_size: int = 32_768  # cookies of a shared domain pass through here
    headers: int = 128  # each takes some hundred bytes, however short it is
    pipelined: int = 16  # requests that were sent before their predecessors' responses


def from_settings(settings: ApiSettings, files: int) -> ConnectionLimits:
    """`files`: how many this process may have open."""
    most = max(1, files - RESERVED_FILES)
    return ConnectionLimits(
        connections=min(settings.api_max_connections or most, most),
        connections_per_address=settings.api_connections_per_address or most,
        trusted=settings.proxies(),
    )


class HttpConnectionLimiter(ConnectionLimiter):
    """A connection is pending until its request's head is whole, and again after the response."""

    def __init__(self, limits: ConnectionLimits) -> None:
        super().__init__(
            max_connections=limits.connections,
            max_connections_per_address=limits.connections_per_address,
            max_pending=limits.pending,
        )
        self.limits = limits
        self.refused = 0  # connections that got an error instead of a place

    def open(self, connection: LimitedConnection, peer: str) -> RawResponse | None:
        """A new connection from `peer`. A response: send it, and close."""
        has_place = self.add(connection)
        self.set_deadline(connection, self.limits.head_within)
        client = client_ip(peer, "", self.limits.trusted)
        has_share = self.acquire_address(connection, client)
        if has_place and has_share:
            return None
        self.refused += 1
        return errors.FULL if has_share else errors.CROWDED

    def head_received(self, connection: LimitedConnection) -> None:
        """A request's head is whole."""
        self.clear_pending(connection)
        self.set_deadline(connection, self.limits.response_within)

    def response_written(self, connection: LimitedConnection) -> None:
        """The last of a response is written, whether the client has read it or not."""
        self.set_pending(connection)
        self.set_deadline(connection, self.limits.head_within)
