"""One client's event stream, from the request to the end of the connection."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import Final

from services.ws.client_transport import ClientTransport
from services.ws.context import ServerContext
from services.ws.events import endpoint, wire
from services.ws.events.endpoint import EventRequest
from services.ws.events.session import EventSession
from services.ws.notices import TOO_MANY_CONNECTIONS, TOO_MANY_HANDSHAKES, TOO_MANY_USERS
from services.ws.peer import NO_FD
from services.ws.protocol import RESTART, CloseReason, ErrorNotice

_USER_TIMEOUT: Final = getattr(socket, "TCP_USER_TIMEOUT", None)  # Linux has it


class EventStream(ClientTransport):
    """A client. It takes the connection over from services.ws.connection.Connection."""

    __slots__ = ("_received", "_with_body", "started")

    _session: EventSession | None

    def __init__(self, context: ServerContext, transport: asyncio.Transport, fd: int) -> None:
        """`fd`: the descriptor of the transport, whose buffer takes nothing."""
        super().__init__(context)
        self._transport = transport
        self._received = 0  # bytes after the request
        self._with_body = True  # not for HEAD
        self.started = False  # the head was sent
        self.fd = fd

    def open(self, request: EventRequest, client: str | None, *, excess: int) -> None:
        """Start the stream, or say why not. `excess`: of `AddressBudgets.handshake`."""
        context = self._context
        hub, users = context.hub, request.users
        if not request.with_body:
            self._with_body, self.fd = False, NO_FD
        context.counters.handshakes.inc()
        context.limiter.clear_pending(self)
        self._drop_dead_peer()
        if not context.limiter.acquire_address(self, client):
            self._refuse(TOO_MANY_CONNECTIONS)
        elif excess:
            self._refuse(TOO_MANY_HANDSHAKES)
        elif not context.budgets.subscribe(client, len(users), hub.unfollowed(users)):
            self._refuse(TOO_MANY_USERS)
        else:
            context.counters.event_clients += 1
            self._session = EventSession(self, context.counters)
            hub.subscribe(self._session, users)

    # Called by the event loop.

    def data_received(self, data: bytes) -> None:
        """Discard it: an event stream is read-only. Disconnect a client that sends much."""
        self._received += len(data)
        if self._received > self._context.limits.message_size:
            self.on_deadline()

    def eof_received(self) -> None:
        """The client has gone: the transport closes."""
        self._end()

    # Called by the session, the keepalive sweep, the limiter and the server.

    def write(self, frame: bytes) -> None:
        self._context.counters.frames += 1
        self._context.counters.event_frames += 1
        if not self._with_body:
            self._write_head_alone()
            return
        if not self.started:
            self.started = True
            frame = wire.HEAD + wire.retry() + frame
        self._transport.write(frame)

    def _write_head_alone(self) -> None:
        if not self.started:
            self.started = True
            self._transport.write(wire.HEAD)
            asyncio.get_running_loop().call_soon(self._end_head)  # the session may be at work

    def _end_head(self) -> None:
        if not self._finished:
            self._half_close()

    def close(self, reason: CloseReason) -> None:
        """End the stream. The client connects again later, and how much depends on the reason."""
        if not self._finished:
            self.write(wire.retry(reason))
            self._half_close()

    def respond_not_monitored(self, notice: ErrorNotice) -> None:
        invite = self._context.discord_invite
        self._transport.write(endpoint.not_monitored(notice, invite, with_body=self._with_body))
        self._half_close()

    def ping(self) -> None:
        """Send a comment. Whether the client still takes it, TCP finds out."""
        if self._session is not None and not self.paused:
            self.write(wire.COMMENT)

    def restart(self) -> None:
        self.close(RESTART)

    def on_deadline(self) -> None:
        if self._session is not None:
            self._context.counters.dropped.inc()
        self._end()
        self._transport.abort()

    def _refuse(self, notice: ErrorNotice) -> None:
        self._context.counters.refused.inc()
        self.write(wire.error(notice))
        self.close(notice.close_reason)

    def _end_session(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            self._context.counters.event_clients -= 1
            self._context.hub.leave(session)

    def _drop_dead_peer(self) -> None:
        """No pong says that the client is still there. A client whose machine is gone confirms no
        bytes: the kernel ends such a connection after a quarter of an hour, and now after a minute.
        Later than `slow_within`, which is for clients that are there."""
        if _USER_TIMEOUT is not None:
            limits = self._context.limits
            wait_ms = round((limits.ping_every + limits.slow_within) * 1000)
            with suppress(OSError):  # the client has reset meanwhile
                sock = self._transport.get_extra_info("socket")
                sock.setsockopt(socket.IPPROTO_TCP, _USER_TIMEOUT, wait_ms)
