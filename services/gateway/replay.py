"""How long a resume's replay lasts: what is known until its end was true once, and may not be now.

Redis may be ahead of it, as an earlier process took in, and wrote, some of what is repeated.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

WITHIN: Final = 60.0  # seconds: also where Discord cannot be reached, as others have what to write
SETTLES: Final = 1.0  # seconds after a RESUMED in which another one may come


class Replay:
    """From `begin` until a RESUMED that no other follows, or a new session."""

    def __init__(self, is_connected: Callable[[], bool]) -> None:
        self._is_connected = is_connected
        self._until = 0.0  # time of the loop
        self._settling: asyncio.TimerHandle | None = None

    @property
    def under_way(self) -> bool:
        return asyncio.get_running_loop().time() < self._until

    def begin(self) -> None:
        self._until = asyncio.get_running_loop().time() + WITHIN

    def end(self) -> None:
        self.interrupted()
        self._until = 0.0

    def resumed(self, then: Callable[[], None]) -> None:
        """RESUMED ends a replay, but one of an earlier resume may be among what is repeated, and
        looks the same. So it has ended, and `then` is called, when no other comes for a while."""
        self.interrupted()
        if self.under_way:
            loop = asyncio.get_running_loop()
            self._settling = loop.call_later(SETTLES, self._settled, then)
        else:
            then()

    def interrupted(self) -> None:
        """Another connection begins, and brings the rest of the replay."""
        if self._settling is not None:
            self._settling.cancel()
            self._settling = None

    def _settled(self, then: Callable[[], None]) -> None:
        if self._is_connected():
            self.end()
            then()
