"""WebSockets and event streams on the api's own port, passed on to ws byte by byte.

Some of Lanyard's clients build the addresses of REST and socket from one host. Where a proxy in
front of the services routes WebSockets and /events to ws, nothing is forwarded: WS_URL is empty
then, and the api refuses them. `make run` has no such proxy and sets WS_URL.

REST pays nothing for it: a connection is handed over when its handshake has been read, and is no
HTTP connection any more.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, Self, cast
from urllib.parse import urlsplit

from msgspec import Struct

from shared.http import errors
from shared.http.connection_limits import HttpConnectionLimiter
from shared.http.responses import Header, RawResponse
from shared.net.client_address import forwarded_for_tail

log = logging.getLogger(__name__)

BUFFER_BYTES: Final = 65_536  # for a side that does not read, until the other is not read either


class ForwardingTimings(Struct, frozen=True, kw_only=True):
    """In seconds."""

    connect_within: float = 10.0  # while ws restarts: a refusal would be repeated at once
    retry_every: float = 0.25
    close_within: float = 5.0  # at the end: ws closes its clients one after the other


TIMINGS: Final = ForwardingTimings()


class WebSocketForwarder:
    """`async with` is its lifetime: it closes what it forwards."""

    def __init__(
        self,
        ws_url: str,
        limiter: HttpConnectionLimiter,
        timings: ForwardingTimings = TIMINGS,
    ) -> None:
        """`ws_url`: WS_URL. `limiter`: counts both sides, as each takes a file descriptor."""
        parts = urlsplit(ws_url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._limiter = limiter
        self._timings = timings
        self._connecting: set[asyncio.Task[None]] = set()
        self._sides: set[_Side] = set()
        self._empty = asyncio.Event()
        self._empty.set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._connecting:
            task.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._timings.close_within):
                await self._empty.wait()
        for side in list(self._sides):
            side.transport.abort()

    def take_over(
        self,
        transport: asyncio.Transport,
        request_line: bytes,
        headers: Sequence[Header],
        peer: str,
        rest: bytes,
    ) -> None:
        """Pass the handshake or the request for an event stream on, and everything after it.
        `rest`: what has come with it."""
        transport.pause_reading()
        client = _Side(self, transport)
        transport.set_protocol(client)
        head = _head(request_line, headers, peer)
        task = asyncio.get_running_loop().create_task(self._connect(client, head + rest))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    def opened(self, side: _Side) -> bool:
        """Whether there is a place for it. It is counted in any case."""
        self._sides.add(side)
        self._empty.clear()
        has_place = self._limiter.add(side)
        self._limiter.clear_pending(side)
        return has_place

    def closed(self, side: _Side) -> None:
        self._sides.discard(side)
        self._limiter.remove(side)
        if not self._sides:
            self._empty.set()

    async def _connect(self, client: _Side, handshake: bytes) -> None:
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + self._timings.connect_within
        while not client.transport.is_closing():
            try:
                _, server = await loop.create_connection(
                    lambda: _Side(self, None), self._host, self._port
                )
            except OSError as error:
                if loop.time() >= give_up_at:
                    log.debug("api: a WebSocket could not be passed on to ws: %s", error)
                    client.refuse(errors.WS_AWAY)
                    return
                await asyncio.sleep(self._timings.retry_every)
                continue
            if not server.has_place:
                server.transport.abort()
                client.refuse(errors.FULL)
            elif client.transport.is_closing():
                server.transport.abort()
            else:
                client.other, server.other = server, client
                server.transport.write(handshake)
                client.transport.resume_reading()
            return


class _Side(asyncio.Protocol):
    """One end of a forwarded connection. What it receives is written to the other."""

    def __init__(self, forwarder: WebSocketForwarder, transport: asyncio.Transport | None) -> None:
        """`transport`: of a connection that is open already."""
        self._forwarder = forwarder
        self.address: str | None = None  # ws counts by addresses, and gets the client's
        self.other: _Side | None = None
        self.ended = False  # nothing more is written to it
        if transport is not None:
            self.connection_made(transport)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transport does not inherit from asyncio's.
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(BUFFER_BYTES)
        self.has_place = self._forwarder.opened(self)

    def refuse(self, response: RawResponse) -> None:
        self.transport.write(response.wire)
        self.transport.close()

    def data_received(self, data: bytes) -> None:
        if self.other is not None:
            self.other.transport.write(data)

    def eof_received(self) -> bool:
        """Pass it on. The other side may still send, until it is at its end as well."""
        if self.other is None or self.other.transport.is_closing():
            return False
        self.other.ended = True
        self.other.transport.write_eof()
        return not self.ended

    def pause_writing(self) -> None:
        if self.other is not None and not self.other.transport.is_closing():
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and not self.other.transport.is_closing():
            self.other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forwarder.closed(self)
        if self.other is not None:
            self.other.transport.close()  # after what is buffered for it

    def on_deadline(self) -> None:
        self.transport.abort()


def _head(request_line: bytes, headers: Sequence[Header], peer: str) -> bytes:
    """The handshake as the client sent it, with its address for the limits per address."""
    values = [value.decode("latin-1") for name, value in headers if name == b"x-forwarded-for"]
    hops = ", ".join(filter(None, (forwarded_for_tail(values), peer)))
    lines = [name + b": " + value for name, value in headers if name != b"x-forwarded-for"]
    lines.append(b"x-forwarded-for: " + hops.encode("latin-1"))
    return b"\r\n".join([request_line, *lines, b"", b""])
