"""GET JSON from a server that may be slow, busy, broken or hostile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import aiohttp
import msgspec

from shared.profiles.sources.rate_limit import RateLimit
from shared.profiles.sources.source import SourceFailed

AT_ONCE: Final = 8  # requests
MOST_BYTES: Final = 256 * 1024  # a whole profile is 2 to 10 KB
_ATTEMPTS: Final = 2  # the second one after a 429 that came although every limit was kept


class NotFound(Exception):
    """Raised at 404: an answer, too."""


class SourceRefused(SourceFailed):
    """Raised at 401: the server does not accept who we say we are."""


class ProfileClient:
    """Keeps the server's rate limits. One client for one route: they share one limit."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._limit = RateLimit(AT_ONCE)

    async def get(self, url: str, headers: Mapping[str, str]) -> Any:
        """The decoded body. Raises NotFound, SourceRefused, SourceFailed."""
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", **headers}
        for _ in range(_ATTEMPTS):
            status, body = await self._get(url, headers)
            if status != 429:
                break
        if status == 404:
            raise NotFound
        if status == 401:
            raise SourceRefused("it refuses us: status 401")
        if status != 200:
            raise SourceFailed(f"it answers with status {status}")
        return _json(body)

    async def _get(self, url: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
        async with self._limit.turn() as heard:
            try:
                async with self._session.get(
                    url, headers=headers, allow_redirects=False
                ) as response:
                    heard(response.status, response.headers)
                    body = await _body(response) if response.status == 200 else b""
                    return response.status, body
            except (aiohttp.ClientError, OSError) as error:  # their texts name the URL
                raise SourceFailed(f"it cannot be reached: {type(error).__name__}") from None


async def _body(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MOST_BYTES:
            raise SourceFailed(f"its answer is longer than {MOST_BYTES // 1024} KiB")
    return bytes(body)


def _json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise SourceFailed("its answer is not JSON") from None
