"""One client's socket: handshake, frames both ways, close.

Long because everything here shares the state of one socket, whichever dialect it speaks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import cast

from services.ws import handshake
from services.ws.client import PresenceClient
from services.ws.client_transport import ClientTransport
from services.ws.context import ServerContext
from services.ws.events.endpoint import EventRequest
from services.ws.events.stream import EventStream
from services.ws.http_responses import PlainResponse
from services.ws.incoming import CHUNK_BYTES, Incoming
from services.ws.lanyard import protocol as lanyard
from services.ws.lanyard.client import LanyardClient
from services.ws.lanyard.session import LanyardSession
from services.ws.notices import (
    TOO_MANY_CONNECTIONS,
    TOO_MANY_HANDSHAKES,
    TOO_MANY_MESSAGES,
    TOO_MANY_USERS,
)
from services.ws.peer import NO_FD
from services.ws.protocol import NO_PONG, PING, RESTART, CloseReason, ErrorNotice
from services.ws.session import PresenceSession
from shared.net.client_address import budget


class Connection(ClientTransport):
    """A client. Small while idle: the state of handshake and reader exists only while needed."""

    __slots__ = (
        "_client",
        "_close_reason",
        "_frames",
        "_frames_since",
        "_head",
        "_incoming",
        "_refusal",
        "_unanswered_ping",
    )

    _session: PresenceSession | LanyardSession | None

    def __init__(self, context: ServerContext) -> None:
        super().__init__(context)
        self._head: bytearray | None = bytearray()  # None: the handshake is done
        # What the session's client says. In Grux's own dialect: None until it says something.
        self._client: PresenceClient | LanyardClient | None = None
        self._refusal: CloseReason | PlainResponse | None = None  # to be sent at the deadline
        self._incoming: Incoming | None = None
        self._close_reason: CloseReason | None = None  # of the Close that we have sent
        self._unanswered_ping = False  # nothing was received since the last ping
        self._frames = 0
        self._frames_since = 0.0

    # Called by the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transport does not inherit from asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        # With no write buffer, paused means that bytes wait in the transport. A connection that is
        # not paused may be written to directly, past the transport, and a slow client holds the
        # kernel's buffer and an unfinished frame or two, no more.
        self._transport.set_write_buffer_limits(0)
        self.fd = self._transport.get_extra_info("socket").fileno()
        self._context.counters.connections += 1
        self._context.keepalive.join(self)
        self._context.limiter.add(self)
        self._context.limiter.set_deadline(self, self._context.limits.handshake_within)

    def data_received(self, data: bytes) -> None:
        self._unanswered_ping = False
        if self._finished or self._refusal is not None:
            return
        if self._head is not None:
            self._read_handshake(self._head, data)
        else:
            self._read_frames(data)

    def eof_received(self) -> None:
        """The client sends no more, and by RFC 6455 gets no more: close the transport."""
        self._end()
        self._context.limiter.set_deadline(self, self._context.limits.close_within)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._context.slow_refusals.remove(self)

    # Called by the session, the keepalive sweep and the server.

    def write(self, frame: bytes) -> None:
        self._context.counters.frames += 1
        self._transport.write(frame)

    def close(self, reason: CloseReason) -> None:
        """Send Close, and give the client time to answer it (RFC 6455 section 7.1.1)."""
        if self._finished or self._close_reason is not None:
            return
        self._end_session()
        if self._head is not None:
            self._transport.abort()
            return
        self._close_reason = reason
        if self._incoming is not None:
            self._incoming.close_sent(reason)
        self.write(reason.frame)
        self._context.limiter.set_deadline(self, self._context.limits.close_within)

    def ping(self) -> None:
        if self._session is None:
            return
        if not self._transport.is_reading():
            if self._is_held:  # no answer is read: a client that has gone answers by a reset
                self.write(PING)
            return
        if self._unanswered_ping:
            self._context.counters.dropped.inc()
            self.close(NO_PONG)
        else:
            self._unanswered_ping = True
            self.write(PING)

    def hold(self) -> None:
        self._transport.pause_reading()

    def resume(self) -> None:
        if not self._transport.is_closing():
            self._transport.resume_reading()

    @property
    def _is_held(self) -> bool:
        return isinstance(self._client, LanyardClient) and self._client.held

    def on_read_turn(self) -> None:
        if not self._is_held:
            self.resume()

    def on_deadline(self) -> None:
        refusal, self._refusal = self._refusal, None
        if refusal is not None and not self._finished and self._close_reason is None:
            if isinstance(refusal, CloseReason):
                self.close(refusal)
            else:
                self._respond_and_finish(refusal)
            return
        if self._session is not None:
            self._context.counters.dropped.inc()
        self._end()
        self._transport.abort()

    def restart(self) -> None:
        """Send Close 1012 and half-close, so that the client's answer is not waited for."""
        self.close(RESTART)
        if self._close_reason is not None and not self._finished:
            self._finish()

    def _read_handshake(self, head: bytearray, data: bytes) -> None:
        seen = max(0, len(head) - len(handshake.END) + 1)
        head += data
        end = head.find(handshake.END, seen)
        limits = self._context.limits
        if max(end, 0 if end >= 0 else len(head)) > limits.handshake_size:
            self._respond_and_finish(handshake.too_large())
        elif end >= 0:
            end += len(handshake.END)
            self._answer_handshake(bytes(head[:end]), bytes(head[end:]))

    def _answer_handshake(self, head: bytes, rest: bytes) -> None:
        """`rest`: what the client has sent after its handshake."""
        context, limits = self._context, self._context.limits
        client = self._client_ip(head)
        excess = context.budgets.handshake(client)
        if excess > 1:
            context.counters.refused.inc()
            self._refuse_handshake(handshake.too_many(head, context.budgets.retry_after_s))
            return
        full = context.counters.connections > limits.connections
        answer = handshake.respond(head, limits, context.health, full=full)
        if isinstance(answer, PlainResponse):
            self._refuse_handshake(answer)
            return
        if isinstance(answer, EventRequest):
            self._become_event_stream().open(answer, client, excess=excess)
            return
        self._head = None
        self._transport.write(answer.response)
        encoding = answer.users if isinstance(answer.users, lanyard.Encoding) else None
        context.counters.handshakes.inc()
        context.limiter.clear_deadline(self)
        context.limiter.clear_pending(self)
        if not context.limiter.acquire_address(self, client):
            self._refuse(TOO_MANY_CONNECTIONS, slowly=encoding is not None)
        elif excess:
            self._refuse(TOO_MANY_HANDSHAKES, slowly=encoding is not None)
        else:
            self._open_session(answer.users)
        if rest and self._refusal is None:
            self._read_frames(rest)

    def _become_event_stream(self) -> EventStream:
        """Nothing calls this object any more. What it counts for, the stream counts for."""
        context = self._context
        stream = EventStream(context, self._transport, self.fd)
        context.keepalive.join(stream)
        context.keepalive.leave(self)
        context.limiter.remove(self)
        context.limiter.add(stream)
        self._transport.set_protocol(stream)
        self._finished, self.fd = True, NO_FD
        return stream

    def _client_ip(self, head: bytes) -> str | None:
        peer = self._transport.get_extra_info("peername")
        return self._context.resolver.client_ip(
            peer[0] if peer else "", handshake.forwarded_for(head)
        )

    def _refuse_handshake(self, answer: PlainResponse) -> None:
        if not (answer.slow and self._refuse_slowly(answer)):
            self._respond_and_finish(answer)

    def _respond_and_finish(self, answer: PlainResponse) -> None:
        self._transport.write(answer.response)
        self._finish()

    def _open_session(self, users: tuple[int, ...] | ErrorNotice | lanyard.Encoding) -> None:
        hub = self._context.hub
        if isinstance(users, ErrorNotice):
            self._refuse(users)
        elif isinstance(users, lanyard.Encoding):
            self._open_lanyard_session(users)
        elif not self._admit(users, len(users)):
            self._refuse(TOO_MANY_USERS)
        else:
            self._session = PresenceSession(self, self._context.counters)
            self._session.keep_open = not users
            hub.subscribe(self._session, users)

    def _open_lanyard_session(self, encoding: lanyard.Encoding) -> None:
        hub, limits = self._context.hub, self._context.limits
        session = LanyardSession(
            self, encoding, hub, hub.everyone, self._context.counters, limits.lanyard_users
        )
        self._session = session
        self._client = LanyardClient(self, session, self._admit, hold_s=limits.lanyard_hold)
        self._client.greet(lanyard.hello(encoding))

    def _admit(self, user_ids: Sequence[int], cost: int) -> bool:
        """Whether its address may ask for these users now. `cost`: see AddressBudgets."""
        context = self._context
        return context.budgets.subscribe(self.address, cost, context.hub.unfollowed(user_ids))

    def _refuse(self, notice: ErrorNotice, *, slowly: bool = False) -> None:
        """`slowly`: a client of Lanyard's dialect, which has no error frames."""
        self._context.counters.refused.inc()
        if not slowly:
            self.write(notice.frame)
        if not (slowly and self._refuse_slowly(notice.close_reason)):
            self.close(notice.close_reason)

    def _refuse_slowly(self, refusal: CloseReason | PlainResponse) -> bool:
        """Refuse in some seconds. False: too many wait already."""
        wait = self._context.slow_refusals.add(self)
        if wait is None:
            return False
        self._refusal = refusal
        self._context.limiter.clear_pending(self)
        self._context.limiter.set_deadline(self, wait)
        return True

    def _read_frames(self, data: bytes) -> None:
        incoming = self._incoming
        if incoming is None:
            incoming = self._incoming = self._make_incoming()
            if self._close_reason is not None:
                incoming.close_sent(self._close_reason)
        said_something = False
        for start in range(0, len(data), CHUNK_BYTES):
            result = incoming.feed(data[start : start + CHUNK_BYTES])
            if (
                result.reply
                and self._transport.get_write_buffer_size() < self._context.limits.replies
            ):
                self._transport.write(result.reply)
            if result.closed:
                self._finish()
                return
            if result.messages:
                said_something = True
                self._receive(result.messages)
            if not self._exceeds_message_limit(result.frames):
                continue
            if isinstance(self._client, LanyardClient):
                self._client.hold()
            else:
                if self._close_reason is None:
                    self._refuse(TOO_MANY_MESSAGES)
                self._finish()  # the rest is not even parsed
                return
        if incoming.between_messages:
            self._incoming = None
        is_read = self._transport.is_reading() and not self._transport.is_closing()
        if said_something and is_read and not self._finished:
            self._context.read_turns.wait(self)

    def _make_incoming(self) -> Incoming:
        limits = self._context.limits
        if isinstance(self._client, LanyardClient):
            return Incoming(limits.lanyard_message_size)
        return Incoming(limits.message_size)

    def _receive(self, messages: Sequence[bytes]) -> None:
        if self._client is None and isinstance(self._session, PresenceSession):
            context = self._context
            self._client = PresenceClient(
                self, self._session, context.hub, self._admit, context.limits, context.counters
            )
        if self._client is not None:  # else it is refused, or being closed
            self._client.receive(messages)

    def _exceeds_message_limit(self, frames: int) -> bool:
        limits = self._context.limits
        now = asyncio.get_running_loop().time()
        if now - self._frames_since > limits.frames_within:
            self._frames_since, self._frames = now, 0
        self._frames += frames
        address = self.address
        if self._frames > limits.frames:
            return True
        if address is None:
            return False
        of_address = self._context.messages.count(address, frames)
        return of_address > budget(address, limits.frames_per_address)

    def _finish(self) -> None:
        self._head = self._incoming = None
        self._half_close()

    def _send_pending(self) -> None:
        if isinstance(self._client, PresenceClient):
            self._client.apply_waiting()
        super()._send_pending()

    def _end_session(self) -> None:
        session, self._session = self._session, None
        client, self._client = self._client, None
        if isinstance(session, PresenceSession):
            self._context.hub.leave(session)
        if client is not None:
            client.end()
