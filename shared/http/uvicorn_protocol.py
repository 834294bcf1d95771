"""uvicorn's HTTP connection, with a bound to what a client can make it hold."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, cast

from httptools import HttpParserUpgrade
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from shared.http import errors, request_head
from shared.http.connection_handlers import DirectAnswers, UpgradeHandler
from shared.http.connection_limits import HttpConnectionLimiter
from shared.http.responses import RawResponse
from shared.net.host_header import is_host_valid

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application

_HEADER_LINE_OVERHEAD_BYTES: Final = 4  # the colon, a space, the line's end
_READ_METHODS: Final = (b"GET", b"HEAD")
_EVENTS_PATH: Final = b"/events"


class StopParsing(Exception):
    """Raised inside the parser to stop it."""


class LimitedHttpProtocol(HttpToolsProtocol):
    """One client. Limits what it may send, and for how long it may keep the process waiting."""

    def __init__(
        self,
        limiter: HttpConnectionLimiter,
        upgrades: UpgradeHandler | None,
        answers: DirectAnswers | None,
        **uvicorn: Any,
    ) -> None:
        """`upgrades`: gets the handshakes of WebSockets, and the requests for event streams.
        Without one they are refused, and not found. `answers`: asked before the application."""
        super().__init__(**uvicorn)
        self._limiter = limiter
        self._upgrades = upgrades
        self._answers = answers
        self._may_answer = False  # what comes in this read, without the application
        self._answered = False  # the current request, likewise: uvicorn has not heard of it
        self._at_boundary = True  # nothing of the next request has come
        self._read = b""  # what comes in this read, if it begins with a request
        self._loading = b""  # the request whose response is being loaded
        self._held_back = b""  # what came meanwhile
        self._shutting_down = False
        self._upgrading = False  # the head is that of a WebSocket or an event stream
        self._head_end = sys.maxsize  # of a WebSocket's, in the bytes received last
        self._head_size = 0  # bytes that came since the last whole head, without its body
        self._in_head = True
        self._parsed_size = 0  # of the current head: one read may bring all of it, and more
        self._running: RequestResponseCycle | None = None  # `cycle` is the one received last
        self._closing = False  # the last response is written: nothing is read any more
        self.address: str | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast("asyncio.Transport", transport))
        refusal = self._limiter.open(self, self.client[0] if self.client else "")
        if refusal is not None:
            self._respond_and_close(refusal)

    def connection_lost(self, exc: Exception | None) -> None:
        self._limiter.remove(self)
        self.pipeline.clear()
        if self._running is not None:  # else it writes to a closed transport, and logs that
            self._running.disconnected = True
            self._running.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._closing:
            return
        if self._loading:
            self._held_back += data
            self.flow.pause_reading()
            return
        self._may_answer = self._answers is not None and not self.flow.write_paused
        self._read = data if self._at_boundary else b""
        self._receive(data)
        self._read = b""

    def _receive(self, data: bytes) -> None:
        self._head_size += len(data)
        super().data_received(data)
        if self._upgrading and self._upgrades is not None:
            self._hand_over(data[self._head_end :], self._upgrades)
            return
        if self._head_size > self._limiter.limits.max_head_bytes or self._too_many_headers():
            self._respond_and_close(errors.TOO_LARGE)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._answered = self._at_boundary = False
        self._parsed_size = 0
        self._in_head = True

    def on_url(self, url: bytes) -> None:
        self._parsed_size += len(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_head:
            return  # a trailer: as a header it would pass by the proxy that checked the headers
        self._parsed_size += len(name) + len(value) + _HEADER_LINE_OVERHEAD_BYTES
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._head_size = 0
        if refusal := self._head_problem():
            self._respond_and_close(refusal)
            raise StopParsing
        if self._upgrades is not None:
            self._upgrading = self._is_websocket() or self._is_event_stream()
        if self._upgrading:
            if not self._is_websocket():
                raise StopParsing  # what follows the head of an event stream means nothing
            return
        if self._may_answer and self._answer_directly():
            return
        if len(self.pipeline) >= self._limiter.limits.max_pipelined:
            self.transport.abort()
            raise StopParsing
        super().on_headers_complete()
        raw_path = self.scope["raw_path"]
        if b"%2f" in raw_path.lower():
            self.scope["path"] = request_head.decode_path(raw_path)
        self._limiter.head_received(self)

    def on_body(self, body: bytes) -> None:
        self._head_size = 0  # uvicorn holds 64 KiB of it at most, until a route reads it
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._at_boundary = True
        if not self._answered:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        if not self._closing and not self.pipeline:
            self._limiter.response_written(self)
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """What uvicorn calls for bytes that are not HTTP, and after StopParsing."""
        if not self._upgrading:
            self._respond_and_close(errors.BAD_REQUEST)

    def shutdown(self) -> None:
        if self._closing:
            self.transport.abort()
        elif self._loading:
            self._shutting_down = True
        else:
            super().shutdown()

    @property
    def is_idle(self) -> bool:
        return (
            self._answered
            and not self._loading
            and self._head_size == 0
            and self.transport.get_write_buffer_size() == 0
        )

    def on_deadline(self) -> None:
        self.transport.abort()

    def _answer_directly(self) -> bool:
        """Whether the response was in memory and is written, or is being loaded.

        Without the application's scope, cycle and task, a read costs half. This is for the usual
        request on a connection with nothing else under way. It answers one in each read: a client
        that sends many at once has them queued, and waits for its turn. A response is loaded only
        if the request came alone: then no queue is needed.
        """
        parser = self.parser
        cycle = cast("RequestResponseCycle | None", self.cycle)  # None before the first one
        if (
            self._answers is None
            or (cycle is not None and not cycle.response_complete)
            or parser.get_method() != b"GET"
            or parser.should_upgrade()
            or not parser.should_keep_alive()
            or parser.get_http_version() != "1.1"
            or self.transport.is_closing()
        ):
            return False
        peer = self.client[0] if self.client else ""
        response = self._answers.find(self.url, self.headers, peer)
        if response is not None:
            self.transport.write(response.written(self.server_state.default_headers))
            self._limiter.answered(self)
        elif request_head.is_alone(self._read) and self._answers.load(
            self.url, self.headers, peer, self._respond
        ):
            self._loading = self._read
            self._limiter.head_received(self)
        else:
            return False
        self._may_answer, self._answered = False, True
        return True

    def _respond(self, response: RawResponse | None) -> None:
        """Answer the request in `_loading`. None: ask the application, which needs it parsed."""
        request, self._loading = self._loading, b""
        if self.transport.is_closing():
            return
        if response is None:
            self._receive(request)
        else:
            closes = self._shutting_down and not self._held_back
            self.transport.write(response.written(self.server_state.default_headers, closes=closes))
            self._limiter.response_written(self)
        if self._held_back:
            data, self._held_back = self._held_back, b""
            self.flow.resume_reading()
            self.data_received(data)
        if self._shutting_down and not self._closing:
            self.shutdown()

    def _head_problem(self) -> RawResponse | None:
        """What is wrong with the head that is now whole."""
        if self._parsed_size > self._limiter.limits.max_head_bytes or self._too_many_headers():
            return errors.TOO_LARGE
        hosts = [value for name, value in self.headers if name == b"host"]
        if not is_host_valid(hosts, self.parser.get_http_version()):
            return errors.BAD_HOST
        has_body = any(map(request_head.announces_body, self.headers))
        if has_body and self.parser.get_method() in _READ_METHODS:
            return errors.BODY_OF_READ
        if self._is_websocket():
            if self._upgrades is None:
                return errors.NO_WEBSOCKET
        elif not (self._upgrades is not None and self._is_event_stream()):
            return None
        if self._running is not None and not self._running.response_complete:
            return errors.BAD_REQUEST  # a handshake that does not wait for other responses
        return None

    def _is_websocket(self) -> bool:
        return self.parser.should_upgrade() and any(map(request_head.is_websocket, self.headers))

    def _is_event_stream(self) -> bool:
        return self.url.partition(b"?")[0] == _EVENTS_PATH

    def _should_upgrade(self) -> bool:
        """What uvicorn asks for requests with an Upgrade header; others than these are ignored."""
        return self._upgrading

    def handle_websocket_upgrade(self) -> None:
        """What uvicorn calls then, in the handler of httptools' HttpParserUpgrade: it tells where
        in the bytes received last the head ends. `data_received` hands the connection over.
        """
        self._head_end = cast("HttpParserUpgrade", sys.exc_info()[1]).args[0]

    def _hand_over(self, rest: bytes, upgrades: UpgradeHandler) -> None:
        """`rest`: what was received after the head."""
        self._closing = True
        self._unset_keepalive_if_required()
        self.connections.discard(self)
        version = self.parser.get_http_version().encode()
        line = b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, version)
        peer = self.client[0] if self.client else ""
        self._limiter.remove(self)
        upgrades.take_over(self.transport, line, self.headers, peer, rest)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def _too_many_headers(self) -> bool:
        headers = cast("list[object] | None", self.headers)  # None before the first request
        return headers is not None and len(headers) > self._limiter.limits.max_headers

    def _respond_and_close(self, response: RawResponse) -> None:
        """Half-close: closing with bytes unread sends a reset, which may overtake the response."""
        if self._closing or self.transport.is_closing():
            return
        self._closing = True
        self._unset_keepalive_if_required()
        self.pipeline.clear()
        running = self._running
        if running is not None and not running.response_complete:
            if running.response_started:
                self.transport.abort()
                return
            running.disconnected = True
        self._limiter.response_written(self)
        with suppress(OSError):  # the client has reset meanwhile
            self.transport.write(response.wire)
            self.transport.write_eof()
