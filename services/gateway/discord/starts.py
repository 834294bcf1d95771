"""How many sessions Discord still allows today: it takes the token from a bot that runs out.

A thousand in a day, over all shards and processes. Discord docs: Gateway, Session Start Limit.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from hikari.sessions import SessionStartLimit

log = logging.getLogger(__name__)

LOOK_AGAIN: Final = 600.0  # seconds: whoever has spent them may have spent them on another bot

FEW = (
    "Discord lets this bot begin only %d more sessions (of %d in a day), and takes its token away "
    "when there are none left. Shard %d waits until there are more, at most %s; until then "
    "presences stay as they are. Something begins sessions again and again: look for a process "
    "that restarts in a loop, or for another program with the same DISCORD_TOKEN."
)


class SessionStartLimiter:
    """Holds a new session back while too few are left."""

    def __init__(self, ask: Callable[[], Awaitable[SessionStartLimit | None]]) -> None:
        """`ask` gives what Discord says now, None when it says nothing."""
        self._ask = ask

    async def wait(self, shard_id: int) -> None:
        """Returns when a session may be begun."""
        told = False
        while True:
            limit = await self._ask()
            if limit is None or limit.remaining > spared(limit):
                if told:
                    log.info("Discord lets this bot begin sessions again")
                return
            if not told:
                told = True
                log.error(FEW, limit.remaining, limit.total, shard_id, limit.reset_after)
            await asyncio.sleep(min(limit.reset_after.total_seconds() + 1.0, LOOK_AGAIN))


def spared(limit: SessionStartLimit) -> int:
    """How many are never used: other processes may ask in the same moment, one per bucket, and a
    hundredth is for the person who mends it."""
    return max(limit.max_concurrency, limit.total // 100)
