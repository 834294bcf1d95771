"""REST rate limits: a window per route, one for everything. Source: topics/rate-limits."""

import time
from collections.abc import Callable
from hashlib import md5
from typing import Final

from msgspec import Struct

from simulator.options import Options

_GLOBAL_SECONDS: Final = 1.0


class _Window(Struct):
    ends: float
    used: int = 0


class Verdict(Struct, frozen=True, kw_only=True):
    """What becomes of one request; ``headers`` are Discord's, for any answer."""

    headers: dict[str, str]
    retry_after: float | None = None
    is_global: bool = False


class RateLimits:
    """Counts requests of the one bot there is."""

    def __init__(self, options: Options, clock: Callable[[], float] = time.time) -> None:
        self._options = options
        self._clock = clock
        self._routes: dict[str, _Window] = {}
        self._everything = _Window(0.0)

    def take(self, route: str) -> Verdict:
        """Count a request to ``route`` (its template, with the guild's id filled in)."""
        now = self._clock()
        if now >= self._everything.ends:
            self._everything = _Window(now + _GLOBAL_SECONDS)
        self._everything.used += 1
        if self._everything.used > self._options.rest_global_limit:
            wait = self._everything.ends - now
            headers = {"X-RateLimit-Global": "true", "X-RateLimit-Scope": "global"}
            return Verdict(headers=headers, retry_after=wait, is_global=True)
        window = self._routes.get(route)
        if window is None or now >= window.ends:
            window = self._routes[route] = _Window(now + self._options.rest_window_seconds)
        window.used += 1
        limit = self._options.rest_limit
        wait = window.ends - now
        headers = {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(max(0, limit - window.used)),
            "X-RateLimit-Reset": f"{window.ends:.3f}",
            "X-RateLimit-Reset-After": f"{wait:.3f}",
            "X-RateLimit-Bucket": md5(route.encode(), usedforsecurity=False).hexdigest(),
        }
        if window.used > limit:
            return Verdict(headers={**headers, "X-RateLimit-Scope": "user"}, retry_after=wait)
        return Verdict(headers=headers)
