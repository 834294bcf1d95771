"""Responses made of bytes that are ready: JSON, errors and pictures, with CORS and entity tags.

`{"data": …, "success": true}` is put together around JSON that is encoded already. Every response
may be read by any page (Fetch standard, CORS protocol); those that clients keep have a strong
entity tag, and a matching If-None-Match gets 304 (RFC 9110, 8.8.3 and 13.1.2).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from http import HTTPStatus
from typing import Any, Final

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from shared.net.bounded_input import query_parameters

Header = tuple[bytes, bytes]

JSON: Final = b"application/json; charset=utf-8"
SVG: Final = b"image/svg+xml; charset=utf-8"
PNG: Final = b"image/png"
TEXT: Final = b"text/plain; charset=utf-8"
NO_STORE: Final = (b"cache-control", b"no-store")
NOSNIFF: Final = (b"x-content-type-options", b"nosniff")

METHODS: Final = b"GET, HEAD, OPTIONS"
WRITE_METHODS: Final = ("POST", "PUT", "PATCH", "DELETE")
CORS_HEADERS: Final = (
    (b"access-control-allow-origin", b"*"),
    (
        b"access-control-expose-headers",
        b"ETag, Retry-After, X-Grux-Stale, X-Grux-Problem, X-Grux-Unusable",
    ),
)
"""Part of every response, errors included."""

CROSS_ORIGIN: Final = (b"cross-origin-resource-policy", b"cross-origin")
"""For what pages of other origins embed: without it, pages with COEP `require-corp` may not."""

IMAGE_MAX_AGE_S: Final = 30

LARGE_RESPONSE_BYTES: Final = 64 * 1024
"""A larger response counts as one more request for each of these: see shared/http/rate_limit.py."""

COUNT_MORE: Final = "count_more"
"""Key of the scope: called with how many more requests this one counts as. Returns 0, or the
seconds after which to try again where that is more than the address may send. Not there where
nothing is counted."""

_SVG_POLICY: Final = (
    b"content-security-policy",
    b"default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox",
)
"""For an SVG opened by itself: it needs its own style and its own pictures, nothing else."""

_OPENING: Final = b'{"data":'
_CLOSING: Final = b',"success":true}'

MAX_IF_NONE_MATCH_BYTES: Final = 2048  # some seventy tags of ours
_ETAG: Final = re.compile(rb'"[\x21\x23-\x7e\x80-\xff]*"')

_STATUS_LINES: Final = {
    status.value: b"HTTP/1.1 %d %b\r\n" % (status, status.phrase.encode()) for status in HTTPStatus
}

_CLOSE: Final = b"connection: close\r\n\r\n"
"""Where uvicorn has it: behind the other headers."""

SENT: Final[Counter[int]] = Counter()
"""Responses of this process, by status."""


class RawResponse(Response):
    """A whole response. May be sent more than once."""

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
        """The bytes of an HTTP/1.1 response that closes its connection.

        For a connection that is refused before there is a request for the application.
        """
        status = HTTPStatus(self._start["status"])
        lines = [b"HTTP/1.1 %d %b" % (status, status.phrase.encode())]
        lines += [b"%b: %b" % header for header in self._start["headers"]]
        return b"\r\n".join([*lines, b"connection: close", b"", self._body["body"]])

    def written(self, server_headers: Iterable[Header], *, closes: bool = False) -> bytes:
        """The bytes of an HTTP/1.1 response to GET, for a server that sends it without ASGI.

        `server_headers`: what uvicorn puts in front. `closes`: the connection, which is kept else.
        """
        SENT[self._status] += 1
        parts = [_STATUS_LINES[self._status]]
        parts += [b"%b: %b\r\n" % header for header in server_headers]
        parts += [b"%b: %b\r\n" % header for header in self._start["headers"]]
        parts += (_CLOSE if closes else b"\r\n", self._body["body"])
        return b"".join(parts)

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        SENT[self._status] += 1
        size = len(self._body["body"])
        if size > LARGE_RESPONSE_BYTES and COUNT_MORE in scope:
            scope[COUNT_MORE](size // LARGE_RESPONSE_BYTES)
        await send(self._start)
        await send(self._body)


def parameters_of(request: Request) -> dict[str, str]:
    """The query parameters. Of two with one name, the last counts."""
    return dict(query_parameters(request.scope["query_string"].decode("latin-1")))


def envelope(data: bytes) -> bytes:
    """`data`: JSON."""
    return b"".join((_OPENING, data, _CLOSING))


def data_of(body: bytes) -> bytes:
    """What is in an envelope."""
    return body[len(_OPENING) : -len(_CLOSING)]


def json_response(status: int, body: bytes, *headers: Header) -> RawResponse:
    """JSON that must not be stored: errors and health."""
    return RawResponse(
        status, body, (*_content_headers(body, JSON), NO_STORE, *headers, *CORS_HEADERS)
    )


def no_content(*headers: Header) -> RawResponse:
    """204: what was asked for is done."""
    return RawResponse(204, b"", (NO_STORE, *CORS_HEADERS, *headers))


def redirect(status: int, location: bytes, *headers: Header) -> RawResponse:
    """`location` may be relative. `headers`: additional ones, such as Cache-Control."""
    own = ((b"location", location), (b"content-length", b"0"))
    return RawResponse(status, b"", (*own, *headers, *CORS_HEADERS))


class CacheableResponse(Struct, frozen=True, gc=False):
    """A body that clients may keep and revalidate.

    It holds nothing that the garbage collector tracks, so 50,000 of them in memory make no
    collection longer.
    """

    body: bytes
    etag: bytes
    headers: tuple[Header, ...]  # of the 200
    unchanged: tuple[Header, ...]  # of the 304

    def answer(self, request_headers: Iterable[Header]) -> RawResponse:
        """304 if the request's If-None-Match names the body's tag, else 200."""
        known = [value for name, value in request_headers if name == b"if-none-match"]
        if known and etag_matches(b", ".join(known), self.etag):
            return RawResponse(304, b"", self.unchanged)
        return RawResponse(200, self.body, self.headers)


def cacheable(
    body: bytes, *headers: Header, kind: bytes = JSON, keep: bytes = b"no-cache"
) -> CacheableResponse:
    """The body with its tag. `kind`: Content-Type. `keep`: Cache-Control.

    `headers` go with the 304 as well.
    """
    etag = etag_of(body)
    kept = ((b"etag", etag), (b"cache-control", keep), *headers, *CORS_HEADERS)
    return CacheableResponse(body, etag, (*_content_headers(body, kind), *kept), kept)


def image_response(
    body: bytes,
    kind: bytes,
    request: Request,
    *,
    max_age: int = IMAGE_MAX_AGE_S,
    problem: str | None = None,
    unusable: Sequence[str] = (),
) -> RawResponse:
    """A picture for READMEs and forums: for their proxies, and for browsers behind those.

    The status is 200 in any case, as GitHub's proxy and many forums show nothing else. They may
    keep a picture for `max_age` seconds: without that header they choose for themselves, and with
    `no-store` each view of each reader would come through to here.

    `problem`: the code of the error that the picture shows. `unusable`: ignored parameters.
    """
    etag = etag_of(body)
    keep = f"public, max-age={max_age}, stale-while-revalidate=30, stale-if-error=600"
    kept: tuple[Header, ...] = (
        (b"etag", etag),
        (b"cache-control", keep.encode()),
        CROSS_ORIGIN,
        *CORS_HEADERS,
        *([(b"x-grux-problem", problem.encode())] if problem else []),
        *([(b"x-grux-unusable", ", ".join(unusable).encode())] if unusable else []),
    )
    policy = (_SVG_POLICY,) if kind == SVG else ()
    headers = (*_content_headers(body, kind), *policy, *kept)
    return CacheableResponse(body, etag, headers, kept).answer(request.scope["headers"])


def etag_of(body: bytes) -> bytes:
    """A strong entity tag. The same bytes have the same tag, whichever replica sends them."""
    return b'"%b"' % blake2b(body, digest_size=12).hexdigest().encode()


def etag_matches(if_none_match: bytes, etag: bytes) -> bool:
    """Whether the header's value names `etag`: alone, in a list, as a weak one, or as `*`.

    A list is read up to a bound: a client that sends a longer one may get the body once more.
    """
    if if_none_match == etag:
        return True
    listed = if_none_match[:MAX_IF_NONE_MATCH_BYTES]
    return listed.strip() == b"*" or etag in _ETAG.findall(listed)


def _content_headers(body: bytes, kind: bytes) -> tuple[Header, ...]:
    return ((b"content-type", kind), (b"content-length", b"%d" % len(body)), NOSNIFF)
