"""HTTP requests to servers that may be slow, busy, broken or hostile.

The client bounds what such a server can cost: the number of connections, the time of a request
and the bytes of a body. It asks for no compression and unpacks none, so that a small body cannot
become a large one. It keeps no cookies, and follows redirects only where that was asked for.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Self

import aiohttp
import msgspec
from aiohttp.typedefs import LooseHeaders


class HttpError(Exception):
    """Raised when there is no usable response.

    HttpError
    ├── RequestFailed   no response, or only a part of one
    ├── BodyTooLarge
    └── InvalidJson

    The texts name no URL, which may carry a password.
    """


class RequestFailed(HttpError):
    """Raised when the server cannot be reached, or stops in the middle. `__cause__` says why."""


class BodyTooLarge(HttpError):
    """Raised when the body is longer than the client reads."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"longer than {limit} bytes")
        self.limit = limit


class InvalidJson(HttpError):
    """Raised when the body is not JSON."""


# What aiohttp raises besides its own errors: OSError and TimeoutError while connecting and
# reading, ValueError for an address it cannot use.
_FAILURES = (aiohttp.ClientError, OSError, TimeoutError, ValueError)


class HttpResponse:
    """Status and headers are there; the body is read on demand."""

    def __init__(self, response: aiohttp.ClientResponse, max_body_bytes: int) -> None:
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers
        self._response = response
        self._max_body_bytes = max_body_bytes

    async def read(self, check: Callable[[bytearray], None] | None = None) -> bytes:
        """The whole body. Raises RequestFailed, BodyTooLarge, and what `check` raises.

        `check` is called with all that was received so far, after each piece.
        """
        if (self._response.content_length or 0) > self._max_body_bytes:
            raise BodyTooLarge(self._max_body_bytes)
        body = bytearray()
        pieces = self._response.content.iter_any()
        while piece := await self._next(pieces):
            body += piece
            if len(body) > self._max_body_bytes:
                raise BodyTooLarge(self._max_body_bytes)
            if check is not None:
                check(body)
        return bytes(body)

    async def json(self) -> Any:
        """The decoded body. Raises RequestFailed, BodyTooLarge, InvalidJson."""
        body = await self.read()
        try:
            return msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise InvalidJson("not JSON") from None

    @staticmethod
    async def _next(pieces: AsyncIterator[bytes]) -> bytes:
        try:
            return await anext(pieces, b"")
        except _FAILURES as error:
            raise RequestFailed(type(error).__name__) from error


class HttpClient:
    """A pool of connections. Opens none before the first request.

    `async with HttpClient(...)` is its lifetime; or call `close`.
    """

    def __init__(
        self,
        *,
        timeout_s: float | None,
        max_body_bytes: int,
        max_connections: int = 100,
        max_redirects: int = 0,
        headers: LooseHeaders | None = None,
        socket_factory: aiohttp.SocketFactoryType | None = None,
    ) -> None:
        """`timeout_s`: for a whole request with its body; None: the caller's own limit holds.

        `headers` go with every request. `socket_factory` may refuse an address by raising
        OSError: it is called with the resolved address that is connected to.
        """
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._max_body_bytes = max_body_bytes
        self._max_connections = max_connections
        self._max_redirects = max_redirects
        self._headers = headers
        self._socket_factory = socket_factory
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections; a later request opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    @asynccontextmanager
    async def get(
        self, url: str, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[HttpResponse]:
        """The response to GET, until the block ends. Raises RequestFailed."""
        async with self.send("GET", url, headers) as response:
            yield response

    @asynccontextmanager
    async def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> AsyncIterator[HttpResponse]:
        """The response, until the block ends. Raises RequestFailed: the server may have done what
        was asked for nevertheless."""
        try:
            response = await self._open_session().request(
                method,
                url,
                data=body,
                headers={"Accept-Encoding": "identity", **(headers or {})},
                allow_redirects=self._max_redirects > 0,
                max_redirects=self._max_redirects,
            )
        except _FAILURES as error:
            raise RequestFailed(type(error).__name__) from error
        async with response:
            yield HttpResponse(response, self._max_body_bytes)

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:  # needs the running loop
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self._max_connections, socket_factory=self._socket_factory
                ),
                timeout=self._timeout,
                headers=self._headers,
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session
