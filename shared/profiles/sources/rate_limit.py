"""One route's rate limit, as the server states it. Discord docs: Rate Limits.

Nothing is assumed: one request goes out to learn, and from then on as many as the server says
are left. A request that would be too many is not sent.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Final

from shared.profiles.sources.source import SourceFailed

LONGEST_WAIT: Final = 10.0  # seconds: a turn that comes later is of no use to anybody
_UNSTATED_PAUSE: Final = 5.0  # seconds after a 429 that does not say how long

Heard = Callable[[int, Mapping[str, str]], None]


class RateLimit:
    """Lets requests go out one after the other, as long as the server allows any."""

    def __init__(self, at_once: int) -> None:
        """`at_once`: requests under way at a server that states no limits."""
        self._at_once = at_once
        self._left = 1  # requests that may go out now
        self._resets_at: float | None = None  # loop time when more may, if that is known
        self._paused_until = 0.0  # loop time
        self._under_way = 0
        self._door = asyncio.Lock()  # the first in line waits for all the others
        self._news = asyncio.Event()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Heard]:
        """Wait for a turn to send one request; tell the `Heard` its status and headers.

        Raises SourceFailed when the turn is known to come too late.
        """
        async with self._door:
            await self._may_go()
            self._left -= 1
            self._under_way += 1
        try:
            yield self._heard
        finally:
            self._under_way -= 1
            if not self._under_way and self._resets_at is None:
                self._left = max(self._left, 1)  # the answer that would have told more is lost
            self._news.set()

    async def _may_go(self) -> None:
        while (wait := self._wait()) > 0:
            self._give_up_if_late()
            self._news.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(None if wait == math.inf else wait):
                    await self._news.wait()
        if self._left < 1:  # the limit is new: one request learns what it is
            self._left, self._resets_at = 1, None

    def _wait(self) -> float:
        """Seconds until a request may go out; infinite when an answer under way decides."""
        now = asyncio.get_running_loop().time()
        if now < self._paused_until:
            return self._paused_until - now
        if self._left > 0:
            return 0
        return math.inf if self._resets_at is None else max(0.0, self._resets_at - now)

    def _give_up_if_late(self) -> None:
        wait = self._wait()
        if LONGEST_WAIT < wait < math.inf:
            raise SourceFailed(f"its rate limit is used up for {wait:.0f} s")

    def _heard(self, status: int, headers: Mapping[str, str]) -> None:
        now = asyncio.get_running_loop().time()
        others = self._under_way - 1  # the server may not have counted them yet
        remaining = _number(headers.get("X-RateLimit-Remaining"))
        reset_after = _number(headers.get("X-RateLimit-Reset-After"))
        if remaining is None or reset_after is None:
            self._left, self._resets_at = self._at_once - others, None
        else:
            self._left, self._resets_at = int(remaining) - others, now + reset_after
        if status == 429:
            retry_after = _number(headers.get("Retry-After"))
            pause = max(reset_after or 0, _UNSTATED_PAUSE if retry_after is None else retry_after)
            self._paused_until = max(self._paused_until, now + pause)
            self._left, self._resets_at = 0, self._paused_until


def _number(text: str | None) -> float | None:
    """A count or a number of seconds, at most a day: headers come from outside."""
    try:
        number = float(text or "")
    except ValueError:
        return None
    return min(number, 86_400.0) if number >= 0 else None
