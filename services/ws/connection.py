"""One client's socket: handshake, frames both ways, close."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import cast

from msgspec import Struct

from services.ws import handshake
from services.ws.counters import Counters
from services.ws.handshake import HandshakeHealth, PlainResponse
from services.ws.hub import Hub
from services.ws.incoming import PIECE, Incoming
from services.ws.keepalive import Keepalive
from services.ws.limits import WsLimits
from services.ws.protocol import NO_PONG, PING, RATE_LIMITED, RESTART, CloseReason, ErrorNotice
from services.ws.session import NO_FD, Session
from shared.net.client_address import client_ip
from shared.net.connection_limiter import ConnectionLimiter
from shared.net.fixed_window import FixedWindowCounter

CROWDED = ErrorNotice(
    RATE_LIMITED,
    "Too many connections are open from your address. Close some, or watch several users on one.",
)
FLOOD = ErrorNotice(
    RATE_LIMITED,
    "Too many messages came from you or your address. This server needs none: connect, and only "
    "listen.",
)


class ServerContext(Struct, frozen=True):
    """What all connections share."""

    hub: Hub
    keepalive: Keepalive
    limiter: ConnectionLimiter
    messages: FixedWindowCounter  # frames from each address
    limits: WsLimits
    counters: Counters
    health: Callable[[], HandshakeHealth]


class Connection(asyncio.Protocol):
    """A client. Small while idle: the handshake's and the reader's state exist while needed."""

    __slots__ = (
        "_ending",
        "_frames",
        "_frames_since",
        "_head",
        "_house",
        "_incoming",
        "_over",
        "_quiet",
        "_session",
        "_transport",
        "address",
        "fd",
        "paused",
        "place",
    )

    _transport: asyncio.Transport

    def __init__(self, house: ServerContext) -> None:
        self._house = house
        self._head: bytearray | None = bytearray()  # None: the handshake is done
        self._session: Session | None = None
        self._incoming: Incoming | None = None
        self._ending: CloseReason | None = None  # we have sent this Close
        self._over = False  # nothing is written any more, and what comes is thrown away
        self.address: str | None = None  # counted by the limiter
        self._quiet = False  # nothing came since the last ping
        self._frames = 0
        self._frames_since = 0.0
        self.fd = NO_FD
        self.paused = False
        self.place = 0

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance
        # Paused means: bytes wait in the transport. Whoever is not paused may be written to past
        # it, and a slow client holds the kernel's buffer and a begun frame or two, no more.
        self._transport.set_write_buffer_limits(0)
        self.fd = self._transport.get_extra_info("socket").fileno()
        self._house.counters.connections += 1
        self._house.keepalive.join(self)
        self._house.limiter.add(self)
        self._house.limiter.set_deadline(self, self._house.limits.handshake_within)

    def data_received(self, data: bytes) -> None:
        self._quiet = False
        if self._over:
            return
        if self._head is not None:
            self._read_handshake(self._head, data)
        else:
            self._read_frames(data)

    def eof_received(self) -> None:
        """The client sends no more, and by RFC 6455 gets no more: the transport closes."""
        self._over = True
        self._leave()
        self._house.limiter.set_deadline(self, self._house.limits.close_within)

    def connection_lost(self, exc: Exception | None) -> None:
        # The transport closes the descriptor after this call, and the next client may get the
        # same number: from here on nobody may hold it.
        self._over = True
        self._leave()
        self._set_fast()
        self.fd = NO_FD
        self._house.keepalive.leave(self)
        self._house.limiter.remove(self)
        self._house.counters.connections -= 1

    def pause_writing(self) -> None:
        self.paused = True
        self._house.counters.backpressured += 1
        if self._session is not None:
            self._session.queue_up()
            self._house.limiter.set_deadline(self, self._house.limits.slow_within)

    def resume_writing(self) -> None:
        self._set_fast()
        if self._session is not None:
            self._house.limiter.clear_deadline(self)
            self._session.catch_up()

    # What the session, the sweep and the server call.

    def write(self, frame: bytes) -> None:
        self._house.counters.frames += 1
        self._transport.write(frame)

    def write_rest(self, rest: bytes) -> None:
        """A dead socket gives the transport the error that it gave before: the transport closes."""
        self._transport.write(rest)

    def end(self, ending: CloseReason) -> None:
        """Send Close, and give the client time to answer it (RFC 6455 section 7.1.1)."""
        if self._over or self._ending is not None:
            return
        self._leave()
        if self._head is not None:
            self._transport.abort()
            return
        self._ending = ending
        if self._incoming is not None:
            self._incoming.close_sent(ending)
        self.write(ending.frame)
        self._house.limiter.set_deadline(self, self._house.limits.close_within)

    def ping(self) -> None:
        if self._session is None:
            return
        if self._quiet:
            self._house.counters.dropped.inc()
            self.end(NO_PONG)
        else:
            self._quiet = True
            self.write(PING)

    def on_deadline(self) -> None:
        if self._session is not None:
            self._house.counters.dropped.inc()
        self._over = True
        self._leave()
        self._transport.abort()

    def restart(self) -> None:
        """Close 1012 and half-close: nobody's answer is waited for longer than it must."""
        self.end(RESTART)
        if self._ending is not None and not self._over:
            self._finish()

    def _read_handshake(self, head: bytearray, data: bytes) -> None:
        seen = max(0, len(head) - len(handshake.END) + 1)
        head += data
        end = head.find(handshake.END, seen)
        limits = self._house.limits
        if max(end, 0 if end >= 0 else len(head)) > limits.handshake_size:
            self._say_and_close(handshake.too_large())
        elif end >= 0:
            end += len(handshake.END)
            full = self._house.counters.connections > limits.connections
            answer = handshake.answer(bytes(head[:end]), limits, self._house.health, full=full)
            if isinstance(answer, PlainResponse):
                self._say_and_close(answer)
            else:
                self._head = None
                self._transport.write(answer.response)
                self._house.counters.handshakes.inc()
                self._house.limiter.clear_deadline(self)
                self._house.limiter.clear_pending(self)
                self._admit(answer.users, answer.forwarded_for)
                if len(head) > end:
                    self._read_frames(bytes(head[end:]))

    def _say_and_close(self, answer: PlainResponse) -> None:
        self._transport.write(answer.response)
        self._finish()

    def _admit(self, users: tuple[int, ...] | ErrorNotice, forwarded_for: str) -> None:
        peer = self._transport.get_extra_info("peername")
        client = client_ip(peer[0] if peer else "", forwarded_for, self._house.limits.trusted)
        if not self._house.limiter.acquire_address(self, client):
            self._refuse(CROWDED)
            return
        if isinstance(users, ErrorNotice):
            self._refuse(users)
            return
        self._session = Session(self, self._house.counters)
        self._house.hub.watch(self._session, users)

    def _refuse(self, problem: ErrorNotice) -> None:
        self._house.counters.refused.inc()
        self.write(problem.frame)
        self.end(problem.ending)

    def _read_frames(self, data: bytes) -> None:
        incoming = self._incoming
        if incoming is None:
            incoming = self._incoming = Incoming(self._house.limits.message_size)
            if self._ending is not None:
                incoming.close_sent(self._ending)
        for start in range(0, len(data), PIECE):
            heard = incoming.feed(data[start : start + PIECE])
            if heard.reply and self._transport.get_write_buffer_size() < self._house.limits.replies:
                self._transport.write(heard.reply)
            if heard.ended:
                self._finish()
                return
            if self._is_flood(heard.frames):
                if self._ending is None:
                    self._refuse(FLOOD)
                self._finish()  # the rest of the flood is not even read
                return
        if incoming.between_messages:
            self._incoming = None

    def _is_flood(self, frames: int) -> bool:
        limits = self._house.limits
        now = asyncio.get_running_loop().time()
        if now - self._frames_since > limits.frames_within:
            self._frames_since, self._frames = now, 0
        self._frames += frames
        address = self.address
        of_address = 0 if address is None else self._house.messages.count(address, frames)
        return self._frames > limits.frames or of_address > limits.frames_per_address

    def _finish(self) -> None:
        """Everything is said. Half-close, and throw away what still comes until the client closes.

        Closing at once would answer unread bytes with a reset, and a reset can overtake our
        last frame (RFC 6455 section 7.1.1).
        """
        self._over = True
        self._leave()
        self._head = self._incoming = None
        if not self._transport.is_closing():
            with suppress(OSError):  # asyncio's own transport: the client has reset meanwhile
                self._transport.write_eof()
        self._house.limiter.set_deadline(self, self._house.limits.close_within)

    def _set_fast(self) -> None:
        if self.paused:
            self.paused = False
            self._house.counters.backpressured -= 1

    def _leave(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            self._house.hub.leave(session)
