"""One WebSocket connection: frames in, frames out, and how it ends."""

import asyncio
import socket
import struct
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final, TypeVar

import msgspec
from aiohttp import WSMsgType, web

from simulator import compression
from simulator.options import Options
from simulator.protocol import CLOSE_REASONS, MAX_PAYLOAD_BYTES, ClientFrame, CloseCode, Closed, Op
from simulator.session import Session

# So many frames go out before others get their turn.
_BURST: Final = 64
# A client may be late by half a heartbeat.
_LATENESS: Final = 1.5
_MINUTE: Final = 60.0
_ENDED_BY_CLIENT: Final = frozenset({1000, 1001})
_GOODBYE_SECONDS: Final = 3.0

T = TypeVar("T")


class GatewayConnection:
    """The wire between one client and, once it identified, its session."""

    def __init__(
        self,
        ws: web.WebSocketResponse,
        transport: asyncio.Transport,
        pack: compression.Pack | None,
        options: Options,
    ) -> None:
        self.session: Session | None = None
        self.closed_with: int | None = None
        """The close code that this side sent."""
        self._ws = ws
        self._transport = transport
        self._pack = pack
        self._options = options
        self._control: deque[bytes] = deque()
        self._streams: deque[Iterator[bool]] = deque()
        self._awake = asyncio.Event()
        self._received: deque[float] = deque()
        self._closing: set[asyncio.Task[None]] = set()

    def send(self, op: Op, d: object = None) -> None:
        """Queue a frame that is not a dispatch; it overtakes the dispatches."""
        self._control.append(msgspec.json.encode({"t": None, "s": None, "op": int(op), "d": d}))
        self._awake.set()

    def send_text(self, text: str) -> None:
        """Queue a frame as it is, whatever it is."""
        self._control.append(text.encode())
        self._awake.set()

    def stream(self, events: Iterator[bool]) -> None:
        """Have a long answer built bit by bit: each step of ``events`` offers one dispatch."""
        self._streams.append(events)
        self._awake.set()

    def attach(self, session: Session) -> None:
        """Serve this session from now on."""
        self.session = session
        session.detached_at = None
        session.wake = self._look_at_session
        self._awake.set()

    def _look_at_session(self) -> None:
        if self.session is not None and self.session.lost:
            # From here, as the writer may be stuck with a client that reads nothing.
            self.close(CloseCode.UNKNOWN_ERROR)
        self._awake.set()

    def detach(self) -> Session | None:
        """Leave the session to a RESUME; returns it."""
        session, self.session = self.session, None
        self._streams.clear()
        if session is not None:
            session.wake = None
            session.detached_at = time.monotonic()
        return session

    def compress_payloads(self) -> None:
        """Identify's ``compress``: ignored where the transport compresses already."""
        if self._pack is None:
            self._pack = compression.payload()

    async def write(self) -> None:
        """Send what is queued, as fast as the client reads, until cancelled."""
        sent = 0
        with suppress(ConnectionError):
            while True:
                await self._awake.wait()
                self._awake.clear()
                while (frame := self._next(sent)) is not None:
                    if self._pack is None:
                        await self._ws.send_frame(frame, WSMsgType.TEXT)
                    else:
                        await self._ws.send_frame(self._pack(frame), WSMsgType.BINARY)
                    sent += 1
                    if sent % _BURST == 0:
                        await asyncio.sleep(0)

    def _next(self, sent: int) -> bytes | None:
        if self.closed_with is not None:
            return None
        if self._control:
            return self._control.popleft()
        if self.session is None:
            return None
        # A long answer goes on when there is room, and now and then when there is none.
        if self._streams and (self.session.waiting < _BURST or sent % _BURST == 0):
            self._build_on()
        return self.session.next()

    def _build_on(self) -> None:
        if next(self._streams[0], None) is None:
            self._streams.popleft()
            # This look may find nothing to send, while the next answer waits.
            self._awake.set()

    async def read(self, handle: Callable[[ClientFrame], None]) -> None:
        """Hand over each frame until the client goes.

        Raises :class:`Closed` for what Discord answers with a close code: too many frames, too
        long or undecodable ones, no heartbeat in time, and whatever ``handle`` raises.
        """
        patience = self._options.heartbeat_interval_ms / 1000 * _LATENESS
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(patience) as limit:
                async for message in self._ws:
                    if message.type not in {WSMsgType.TEXT, WSMsgType.BINARY}:
                        return
                    frame = self._decoded(message.data)
                    if frame.op == Op.HEARTBEAT:
                        limit.reschedule(loop.time() + patience)
                    handle(frame)
        except TimeoutError:
            raise Closed(CloseCode.SESSION_TIMED_OUT) from None

    def _decoded(self, data: str | bytes) -> ClientFrame:
        now = time.monotonic()
        self._received.append(now)
        while self._received[0] < now - _MINUTE:
            self._received.popleft()
        if len(self._received) > self._options.sends_per_minute:
            raise Closed(CloseCode.RATE_LIMITED)
        payload = data.encode() if isinstance(data, str) else data
        if len(payload) > MAX_PAYLOAD_BYTES:
            raise Closed(CloseCode.DECODE_ERROR)
        return decoded(payload, ClientFrame)

    def close(self, code: int, reason: str | None = None) -> None:
        """Send a close frame; nothing else is sent after it."""
        if self.closed_with is not None:
            return
        self.closed_with = code
        text = CLOSE_REASONS.get(code, "") if reason is None else reason
        task = asyncio.create_task(self._say_goodbye(code, text.encode()))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _say_goodbye(self, code: int, message: bytes) -> None:
        try:
            async with asyncio.timeout(_GOODBYE_SECONDS):
                await self._ws.close(code=code, message=message)
        except TimeoutError:
            # A client that reads nothing would never read the close frame either.
            self._transport.abort()

    async def finish(self) -> None:
        """Wait until a close frame that is on its way is out and answered."""
        for task in list(self._closing):
            await task

    def left_for_good(self) -> bool:
        """Whether the client itself ended the session, with 1000 or 1001."""
        return self.closed_with is None and self._ws.close_code in _ENDED_BY_CLIENT

    def cut(self) -> None:
        """End the TCP connection (FIN) without a close frame."""
        self._transport.close()

    def reset(self) -> None:
        """End the TCP connection with RST, as a dying machine or a firewall does."""
        abort_with_reset(self._transport)


def abort_with_reset(transport: asyncio.Transport) -> None:
    """Close with RST: a linger time of 0 throws unsent data away."""
    sock = transport.get_extra_info("socket")
    if sock.fileno() >= 0:  # else it is closed already, and the session has not heard of it yet
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def decoded(payload: bytes | msgspec.Raw, kind: type[T]) -> T:
    """Decode JSON from a client; raises :class:`Closed` 4002."""
    try:
        return msgspec.json.decode(payload, type=kind)
    except msgspec.MsgspecError:
        raise Closed(CloseCode.DECODE_ERROR) from None
