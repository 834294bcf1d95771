"""Ready bytes as answers.

`{"data": …, "success": true}` is put together around JSON that is encoded already.
"""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from services.api import cors, etags

Header = tuple[bytes, bytes]

JSON: Final = b"application/json; charset=utf-8"
NO_STORE: Final = (b"cache-control", b"no-store")
_NO_CACHE: Final = (b"cache-control", b"no-cache")
_NOSNIFF: Final = (b"x-content-type-options", b"nosniff")


class Answer(Response):
    """A whole answer. May be sent more than once."""

    def __init__(self, status: int, body: bytes, headers: list[Header]) -> None:
        """Without Starlette's own set-up, which encodes and looks up what is constant here."""
        self.status_code = status
        self.body = body
        self.background = None
        self.raw_headers = [*headers, *cors.HEADERS]


def envelope(data: bytes) -> bytes:
    """`data`: JSON."""
    return b'{"data":%b,"success":true}' % data


def final(status: int, body: bytes, *headers: Header) -> Answer:
    """JSON that nobody may keep: errors and health."""
    return Answer(status, body, [*_content(body, JSON), NO_STORE, *headers])


def checked(request: Request, body: bytes, *headers: Header, kind: bytes = JSON) -> Answer:
    """An answer that clients may keep but ask about each time: 304 to whoever has it already."""
    etag = etags.tag(body)
    kept = [(b"etag", etag), _NO_CACHE, *headers]
    asked = [value for name, value in request.scope["headers"] if name == b"if-none-match"]
    if asked and etags.matches(b", ".join(asked), etag):
        return Answer(304, b"", kept)
    return Answer(200, body, [*_content(body, kind), *kept])


def _content(body: bytes, kind: bytes) -> list[Header]:
    return [(b"content-type", kind), (b"content-length", b"%d" % len(body)), _NOSNIFF]
