"""GET JSON from a server that may be slow, busy, broken or hostile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from shared.net.http_client import BodyTooLarge, HttpClient, InvalidJson, RequestFailed
from shared.profiles.sources.rate_limit import RateLimit
from shared.profiles.sources.source import SourceFailed

MAX_CONCURRENT_REQUESTS: Final = 8
MAX_BODY_BYTES: Final = 256 * 1024  # a whole profile is 2 to 10 KB
_ATTEMPTS: Final = 2  # the second one after a 429 that came although all limits were kept


class NotFound(Exception):
    """Raised for status 404: the server does not know the user."""


class SourceRefused(SourceFailed):
    """Raised for status 401: the server does not accept the credentials."""


class ProfileClient:
    """Keeps the server's rate limits. One client for one route: its requests share one limit."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http
        self._limit = RateLimit(MAX_CONCURRENT_REQUESTS)

    async def get(self, url: str, headers: Mapping[str, str]) -> Any:
        """The decoded body. Raises NotFound, SourceRefused, SourceFailed."""
        headers = {"Accept": "application/json", **headers}
        for _ in range(_ATTEMPTS):
            status, profile = await self._get(url, headers)
            if status != 429:
                break
        if status == 404:
            raise NotFound
        if status == 401:
            raise SourceRefused("it rejects the credentials: status 401")
        if status != 200:
            raise SourceFailed(f"it answers with status {status}")
        return profile

    async def _get(self, url: str, headers: Mapping[str, str]) -> tuple[int, Any]:
        """The status, and with status 200 the decoded body."""
        async with self._limit.turn() as report:
            try:
                async with self._http.get(url, headers) as response:
                    report(response.status, response.headers)
                    return (
                        response.status,
                        await response.json() if response.status == 200 else None,
                    )
            except RequestFailed as error:
                raise SourceFailed(f"it cannot be reached: {error}") from None
            except BodyTooLarge as error:
                raise SourceFailed(f"its answer is longer than {error.limit // 1024} KiB") from None
            except InvalidJson:
                raise SourceFailed("its answer is not JSON") from None
