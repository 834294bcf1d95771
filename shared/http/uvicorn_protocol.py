"""uvicorn's HTTP connection, with an end to what a client may make it hold."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from shared.http import errors
from shared.http.connection_limiter import ConnectionLimiter
from shared.http.responses import RawResponse


class TooMuch(Exception):
    """Raised inside the parser to stop it."""


class LimitedHttpProtocol(HttpToolsProtocol):
    """A client, at the door and in conversation."""

    def __init__(self, door: ConnectionLimiter, **uvicorn: Any) -> None:
        super().__init__(**uvicorn)
        self._door = door
        self._head = 0  # bytes that came since the last whole head, without its body
        self._deaf = False  # it has had its last answer: nothing is read any more

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast("asyncio.Transport", transport))
        refusal = self._door.enter(self, self.client[0] if self.client else "")
        if refusal is not None:
            self._say_and_end(refusal)

    def connection_lost(self, exc: Exception | None) -> None:
        self._door.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        self._head += len(data)
        super().data_received(data)
        if self._head > self._door.limits.head_size or self._too_many_headers():
            self._say_and_end(errors.TOO_LARGE)

    def on_headers_complete(self) -> None:
        self._head = 0
        if self._too_many_headers():
            self._say_and_end(errors.TOO_LARGE)
            raise TooMuch
        if len(self.pipeline) >= self._door.limits.pipelined:
            self.transport.abort()
            raise TooMuch
        super().on_headers_complete()
        self._door.asked(self)

    def on_body(self, body: bytes) -> None:
        self._head = 0  # nobody reads it: uvicorn throws it away
        super().on_body(body)

    def on_response_complete(self) -> None:
        if not self._deaf and not self.pipeline:
            self._door.answered(self)
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """uvicorn's word for what is no HTTP."""
        self._say_and_end(errors.BAD_REQUEST)

    def shutdown(self) -> None:
        if self._deaf:
            self.transport.abort()
        else:
            super().shutdown()

    def cut_off(self) -> None:
        self.transport.abort()

    def _too_many_headers(self) -> bool:
        headers = cast("list[object] | None", self.headers)  # None before the first request
        return headers is not None and len(headers) > self._door.limits.headers

    def _say_and_end(self, answer: RawResponse) -> None:
        """Half-close: to close with bytes unread is a reset, which may overtake the answer."""
        if self._deaf or self.transport.is_closing():
            return
        self._deaf = True
        self._unset_keepalive_if_required()
        self.pipeline.clear()
        cycle = cast("RequestResponseCycle | None", self.cycle)
        if cycle is not None and not cycle.response_complete:
            if cycle.response_started:
                self.transport.abort()
                return
            cycle.disconnected = True
        self._door.answered(self)
        with suppress(OSError):  # the client has reset meanwhile
            self.transport.write(answer.wire)
            self.transport.write_eof()
