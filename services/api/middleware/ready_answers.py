"""Responses that are sent without ASGI: no scope, no task, no message.

Most reads are answered from memory, by a client that asks for one thing after the other. For these
uvicorn's request cycle is two thirds of the work. Everything that the application would add is
decided here, and where it would add anything, the application is asked as ever.
"""

from __future__ import annotations

from collections.abc import Sequence

from services.api.middleware.response_cache import ResponseCache
from shared.http.middleware import StalenessSource
from shared.http.rate_limit import RateLimitMiddleware
from shared.http.responses import LARGE_RESPONSE_BYTES, Header, RawResponse


class ReadyAnswers:
    """shared.http.uvicorn_protocol.AnswersInMemory."""

    def __init__(
        self,
        cache: ResponseCache,
        liveness: StalenessSource | None = None,
        rates: RateLimitMiddleware | None = None,
    ) -> None:
        """`rates`: what stands in front of the application. It counts these requests as well."""
        self._cache = cache
        self._liveness = liveness
        self._rates = rates

    def find(self, target: bytes, headers: Sequence[Header], peer: str) -> RawResponse | None:
        """The cache has paths in one spelling alone. Another one, or a query, is not in it."""
        if self._liveness is not None and self._liveness.stale is not None:
            return None  # a header says so
        response = self._cache.find(target.decode("latin-1"))
        if response is None or len(response.body) > LARGE_RESPONSE_BYTES:
            return None  # a large one counts as several
        if self._rates is not None and not self._rates.admits(peer, headers):
            return None
        self._cache.hits += 1
        return response.answer(headers)
