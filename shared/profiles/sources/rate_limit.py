"""One route's rate limit, as the server states it. Discord docs: Rate Limits.

Nothing is assumed: one request is sent to learn the limit, and then as many as the server says
are left. A request that would exceed the limit is not sent.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Final

from shared.profiles.sources.source import SourceFailed

MAX_WAIT_S: Final = 10.0  # a request that would have to wait longer fails at once
_UNSTATED_PAUSE_S: Final = 5.0  # after a 429 that does not say how long
_MAX_HEADER_NUMBER: Final = 86_400.0  # a day in seconds

ReportResponse = Callable[[int, Mapping[str, str]], None]


class RateLimit:
    """Admits requests one after the other, for as long as the server allows any."""

    def __init__(self, concurrency: int) -> None:
        """`concurrency`: requests under way at a server that states no limits."""
        self._concurrency = concurrency
        self._left = 1  # requests that may be sent now
        self._resets_at: float | None = None  # loop time at which more may be sent, if known
        self._paused_until = 0.0  # loop time
        self._under_way = 0
        self._queue = asyncio.Lock()  # the first in it waits for the limit, the others for it
        self._changed = asyncio.Event()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[ReportResponse]:
        """Wait until one request may be sent; report its status and headers to what is yielded.

        Raises SourceFailed when the wait is known to be too long.
        """
        async with self._queue:
            await self._admitted()
            self._left -= 1
            self._under_way += 1
        try:
            yield self._on_response
        finally:
            self._under_way -= 1
            if not self._under_way and self._resets_at is None:
                self._left = max(self._left, 1)  # the response that would have told is lost
            self._changed.set()

    async def _admitted(self) -> None:
        while (wait := self._wait()) > 0:
            self._fail_if_too_long()
            self._changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(None if wait == math.inf else wait):
                    await self._changed.wait()
        if self._left < 1:  # the limit was reset: one request learns what it is now
            self._left, self._resets_at = 1, None

    def _wait(self) -> float:
        """Seconds until a request may be sent; infinite when a response under way decides."""
        now = asyncio.get_running_loop().time()
        if now < self._paused_until:
            return self._paused_until - now
        if self._left > 0:
            return 0
        return math.inf if self._resets_at is None else max(0.0, self._resets_at - now)

    def _fail_if_too_long(self) -> None:
        wait = self._wait()
        if MAX_WAIT_S < wait < math.inf:
            raise SourceFailed(f"its rate limit is used up for {wait:.0f} s")

    def _on_response(self, status: int, headers: Mapping[str, str]) -> None:
        now = asyncio.get_running_loop().time()
        others = self._under_way - 1  # the server may not have counted them yet
        remaining = _number(headers.get("X-RateLimit-Remaining"))
        reset_after = _number(headers.get("X-RateLimit-Reset-After"))
        if remaining is None or reset_after is None:
            self._left, self._resets_at = self._concurrency - others, None
        else:
            self._left, self._resets_at = int(remaining) - others, now + reset_after
        if status == 429:
            retry_after = _number(headers.get("Retry-After"))
            pause = max(reset_after or 0, _UNSTATED_PAUSE_S if retry_after is None else retry_after)
            self._paused_until = max(self._paused_until, now + pause)
            self._left, self._resets_at = 0, self._paused_until


def _number(text: str | None) -> float | None:
    """A count or a number of seconds, at most a day: headers are not to be trusted."""
    try:
        number = float(text or "")
    except ValueError:
        return None
    return min(number, _MAX_HEADER_NUMBER) if number >= 0 else None
