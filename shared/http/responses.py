"""Ready bytes as answers.

`{"data": …, "success": true}` is put together around JSON that is encoded already.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Final

from msgspec import Struct
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from shared.http import cors, etags

Header = tuple[bytes, bytes]

JSON: Final = b"application/json; charset=utf-8"
NO_STORE: Final = (b"cache-control", b"no-store")
_NOSNIFF: Final = (b"x-content-type-options", b"nosniff")


SENT: Final[Counter[int]] = Counter()
"""Answers of this process, by status."""


class RawResponse(Response):
    """A whole answer. May be sent more than once."""

    def __init__(self, status: int, body: bytes, headers: tuple[Header, ...]) -> None:
        """Without Starlette's own set-up, which encodes and looks up what is constant here."""
        self._status = status
        self._start: dict[str, Any] = {
            "type": "http.response.start",
            "status": status,
            "headers": headers,
        }
        self._body: dict[str, Any] = {"type": "http.response.body", "body": body}

    @property
    def wire(self) -> bytes:
        """The last answer of a connection, for where no application is asked."""
        status = HTTPStatus(self._start["status"])
        lines = [b"HTTP/1.1 %d %b" % (status, status.phrase.encode())]
        lines += [b"%b: %b" % header for header in self._start["headers"]]
        return b"\r\n".join([*lines, b"connection: close", b"", self._body["body"]])

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        SENT[self._status] += 1
        await send(self._start)
        await send(self._body)


def envelope(data: bytes) -> bytes:
    """`data`: JSON."""
    return b'{"data":%b,"success":true}' % data


def json_response(status: int, body: bytes, *headers: Header) -> RawResponse:
    """JSON that nobody may keep: errors and health."""
    return RawResponse(status, body, (*_content(body, JSON), NO_STORE, *headers, *cors.HEADERS))


class CacheableResponse(Struct, frozen=True, gc=False):
    """A body that clients may keep but ask about each time.

    Nothing in it is the garbage collector's: 50,000 of them in memory make no collection longer.
    """

    body: bytes
    etag: bytes
    headers: tuple[Header, ...]  # of the 200
    unchanged: tuple[Header, ...]  # of the 304

    def answer(self, asked: Iterable[Header]) -> RawResponse:
        """To a request with these headers: 304 to whoever has the body already."""
        known = [value for name, value in asked if name == b"if-none-match"]
        if known and etags.matches(b", ".join(known), self.etag):
            return RawResponse(304, b"", self.unchanged)
        return RawResponse(200, self.body, self.headers)


def cacheable(
    body: bytes, *headers: Header, kind: bytes = JSON, keep: bytes = b"no-cache"
) -> CacheableResponse:
    """The body with its tag; `headers` go with the 304 as well. `keep`: Cache-Control."""
    etag = etags.tag(body)
    kept = ((b"etag", etag), (b"cache-control", keep), *headers, *cors.HEADERS)
    return CacheableResponse(body, etag, (*_content(body, kind), *kept), kept)


def _content(body: bytes, kind: bytes) -> tuple[Header, ...]:
    return ((b"content-type", kind), (b"content-length", b"%d" % len(body)), _NOSNIFF)
