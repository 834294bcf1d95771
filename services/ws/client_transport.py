"""The transport of a client: whether it takes bytes, and how it ends.

WebSockets and event streams have the same one.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import Protocol

from services.ws.context import ServerContext
from services.ws.peer import NO_FD


class WritingSession(Protocol):
    """services.ws.session.PresenceSession, as far as a transport needs it."""

    def stop_direct_writes(self) -> None: ...

    def send_pending(self) -> None: ...


class ClientTransport(asyncio.Protocol, ABC):
    """What the event loop calls. Small: there is one for each client."""

    __slots__ = (
        "_context",
        "_finished",
        "_session",
        "_transport",
        "address",
        "fd",
        "paused",
        "place",
    )

    _transport: asyncio.Transport

    def __init__(self, context: ServerContext) -> None:
        self._context = context
        self._session: WritingSession | None = None
        self._finished = False  # nothing is written any more, and received bytes are discarded
        self.address: str | None = None  # counted by the limiter
        self.fd = NO_FD
        self.paused = False
        self.place = 0

    def connection_lost(self, exc: Exception | None) -> None:
        # The transport closes the descriptor after this call, and the next client may get the
        # same number: no subscription may hold it from here on.
        self._end()
        self._set_writable()
        self.fd = NO_FD
        self._context.keepalive.leave(self)
        self._context.limiter.remove(self)
        self._context.counters.connections -= 1

    def pause_writing(self) -> None:
        self.paused = True
        self._context.counters.backpressured += 1
        if self._session is not None:
            self._session.stop_direct_writes()
            self._context.limiter.set_deadline(self, self._context.limits.slow_within)

    def resume_writing(self) -> None:
        self._set_writable()
        if self._session is not None:
            self._context.limiter.clear_deadline(self)
            self._send_pending()

    def write_rest(self, rest: bytes) -> None:
        """On a dead socket the transport gets the same error as the direct write, and closes."""
        self._transport.write(rest)

    @abstractmethod
    def ping(self) -> None:
        """Called by the keepalive sweep."""

    @abstractmethod
    def restart(self) -> None:
        """Called when the process ends: the client connects again."""

    @abstractmethod
    def on_deadline(self) -> None:
        """Called by the limiter."""

    @abstractmethod
    def _end_session(self) -> None: ...

    def _end(self) -> None:
        self._finished = True
        self._end_session()

    def _send_pending(self) -> None:
        if self._session is not None:
            self._session.send_pending()

    def _half_close(self) -> None:
        """Everything is sent: discard what is received until the client closes.

        Closing at once would answer unread bytes with a reset, and a reset can overtake our
        last frame (RFC 6455 section 7.1.1).
        """
        self._end()
        if not self._transport.is_closing():
            with suppress(OSError):  # raised by asyncio's own transport after a reset by the client
                self._transport.write_eof()
        self._context.limiter.set_deadline(self, self._context.limits.close_within)

    def _set_writable(self) -> None:
        if self.paused:
            self.paused = False
            self._context.counters.backpressured -= 1
