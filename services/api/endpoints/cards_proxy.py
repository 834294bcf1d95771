"""/card/, /badge/ and the pictures of /now-playing/ on the api's port, answered by cards.

Where a proxy in front of the services routes these paths to cards, nothing is forwarded: CARDS_URL
is empty then, and the api has no such routes. `make run` has no such proxy and sets CARDS_URL.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Self

import aiohttp
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import Receive, Scope, Send
from yarl import URL

from services.api.middleware.response_cache import NOW_PLAYING_PATH
from shared.http import errors
from shared.http.errors import ApiError
from shared.http.responses import Header, RawResponse, json_response
from shared.net.client_address import forwarded_for_tail

PATHS: Final = ("/card", "/badge")
PICTURE_PATHS: Final = tuple(f"{NOW_PLAYING_PATH}{{user_id}}.{kind}" for kind in ("svg", "png"))
MAX_FORWARDED_REQUESTS: Final = 128  # at a time: a storm of cards must not take the api's memory
MAX_BODY_BYTES: Final = 8 * 1024 * 1024  # a card has less than 1 MB as SVG, some MB as PNG
TIMEOUT_S: Final = 12.0  # less than ConnectionLimits.response_timeout_s: the 503 has to be sent

UNAVAILABLE: Final = ApiError(
    503,
    "unavailable",
    "Cards cannot be drawn now, because the service that draws them does not answer. "
    f"Try again in {errors.RETRY_AFTER_S} seconds.",
    ((b"retry-after", b"%d" % errors.RETRY_AFTER_S),),
)

_NOT_FORWARDED: Final = frozenset(
    {
        *(b"connection", b"keep-alive", b"transfer-encoding"),  # of one connection: RFC 9110, 7.6.1
        *(b"date", b"x-grux-stale"),  # the api adds its own
    }
)


class CardsProxy:
    """`async with` is its lifetime. Connects with the first request."""

    def __init__(self, cards_url: str, timeout_s: float = TIMEOUT_S) -> None:
        """`cards_url`: CARDS_URL. Empty: there are no routes."""
        self._cards_url = cards_url
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None
        self._forwarded = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    def routes(self) -> list[BaseRoute]:
        """Whatever the method: cards decides what is allowed. They stand before /now-playing/:id.

        The other paths of /now-playing are the api's own.
        """
        if not self._cards_url:
            return []
        pictures = [Route(path, self) for path in PICTURE_PATHS]
        return [*pictures, *(Mount(path, app=self) for path in PATHS)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = _UNAVAILABLE
        if self._forwarded < MAX_FORWARDED_REQUESTS:
            self._forwarded += 1
            try:
                response = await self._forward(scope)
            except (aiohttp.ClientError, OSError, TimeoutError):
                response = _UNAVAILABLE
            finally:
                self._forwarded -= 1
        await response(scope, receive, send)

    async def _forward(self, scope: Scope) -> RawResponse:
        """Raises aiohttp.ClientError, OSError, TimeoutError."""
        target = scope["raw_path"].decode("latin-1")
        if scope["query_string"]:
            target += "?" + scope["query_string"].decode("latin-1")
        async with self._open_session().request(
            scope["method"],
            URL(self._cards_url + target, encoded=True),  # as the client has written it
            headers=_request_headers(scope),
            allow_redirects=False,
        ) as response:
            body = await _read(response)
            headers = tuple(_response_headers(response.raw_headers))
            return RawResponse(response.status, body, headers)

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=MAX_FORWARDED_REQUESTS),
                timeout=aiohttp.ClientTimeout(total=self._timeout_s),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session


async def _read(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise aiohttp.ClientPayloadError(f"longer than {MAX_BODY_BYTES} bytes")
    return bytes(body)


def _request_headers(scope: Scope) -> list[tuple[str, str]]:
    """What cards reads: If-None-Match, and the client's address for the limits per address."""
    headers = [("If-None-Match", value) for value in _values(scope["headers"], b"if-none-match")]
    hops = [forwarded_for_tail(_values(scope["headers"], b"x-forwarded-for"))]
    if scope["client"] is not None:
        hops.append(scope["client"][0])
    return [*headers, ("X-Forwarded-For", ", ".join(filter(None, hops)))]


def _values(headers: Iterable[Header], wanted: bytes) -> list[str]:
    """Without values that are not printable ASCII: neither header can need them."""
    values = (value.decode("latin-1") for name, value in headers if name == wanted)
    return [value for value in values if value.isascii() and value.isprintable()]


def _response_headers(headers: Iterable[Header]) -> Iterable[Header]:
    for name, value in headers:
        if name.lower() not in _NOT_FORWARDED:
            yield name.lower(), value


_UNAVAILABLE: Final = json_response(
    UNAVAILABLE.status, errors.body(UNAVAILABLE), *UNAVAILABLE.headers
)
