"""One client's socket, as the sessions of both dialects need it."""

from __future__ import annotations

from typing import Final, Protocol

from services.ws.protocol import CloseReason

NO_FD: Final = -1


class Peer(Protocol):
    """services.ws.connection.Connection."""

    fd: int  # its descriptor
    paused: bool  # the kernel's buffer is full, and bytes wait in the transport

    def write(self, frame: bytes) -> None: ...

    def write_rest(self, rest: bytes) -> None:
        """Send what the descriptor did not take of a frame that was written to it."""

    def close(self, reason: CloseReason) -> None:
        """Close the connection. This ends the session: it has no subscriptions afterwards."""
