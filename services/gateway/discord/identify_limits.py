"""Discord's two limits on new sessions, over all processes of the bot.

`IdentifyLimiter`: one Identify in 5 s for each bucket (Discord docs: Gateway, Rate Limiting,
max_concurrency). `SessionStartLimiter`: a thousand sessions a day. Discord resets the token of a
bot that uses them up (Discord docs: Gateway, Session Start Limit).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from services.gateway.discord.gateway_info import SessionStartLimit
from shared.redis import identify_lock
from shared.redis.store import Store, StoreUnavailable

log = logging.getLogger(__name__)

IDENTIFY_INTERVAL_S: Final = 5.0
IDENTIFY_SLACK_S: Final = 0.2  # the way to Discord does not always take equally long
LIMIT_RECHECK_S: Final = 600.0  # another bot's process may have used them, and the limit may change

FEW_SESSIONS_LEFT: Final = (
    "Discord lets this bot begin only %d more sessions (of %d in a day), and resets its token "
    "when none are left. Shard %d waits until there are more, at most %s; until then presences "
    "are not updated. Something begins new sessions repeatedly: look for a process that restarts "
    "in a loop, or for another program with the same DISCORD_TOKEN."
)


class IdentifyLimiter:
    """Spaces the Identifies of each bucket."""

    def __init__(
        self,
        store: Store,
        max_concurrency: int,
        *,
        interval_s: float = IDENTIFY_INTERVAL_S,
        slack_s: float = IDENTIFY_SLACK_S,
    ) -> None:
        self._store = store
        self._interval_s = interval_s
        self._lock_ttl_s = interval_s + slack_s
        self._next = [0.0] * max(1, max_concurrency)  # time of the loop, for each bucket

    async def wait(self, shard_id: int) -> None:
        """Return when the shard may identify. Without Redis, only this process keeps the pace."""
        bucket = shard_id % len(self._next)
        loop = asyncio.get_running_loop()
        turn = max(loop.time(), self._next[bucket])
        self._next[bucket] = turn + self._interval_s
        await asyncio.sleep(turn - loop.time())
        try:
            while left := await identify_lock.acquire(  # noqa: ASYNC110 (Redis says how long)
                self._store, bucket, self._lock_ttl_s
            ):
                await asyncio.sleep(left)
        except StoreUnavailable:
            return


class SessionStartLimiter:
    """Delays new sessions while only the reserve is left."""

    def __init__(
        self,
        fetch_limit: Callable[[], Awaitable[SessionStartLimit | None]],
        *,
        recheck_s: float = LIMIT_RECHECK_S,
    ) -> None:
        """`fetch_limit` asks Discord; None: no answer, so Discord itself decides."""
        self._fetch_limit = fetch_limit
        self._recheck_s = recheck_s

    async def wait(self, shard_id: int) -> None:
        """Return when a session may begin."""
        has_warned = False
        while True:
            limit = await self._fetch_limit()
            if limit is None or limit.remaining > reserve(limit):
                if has_warned:
                    log.info("Discord lets this bot begin sessions again")
                return
            time_to_reset = limit.time_to_reset
            if not has_warned:
                has_warned = True
                log.error(FEW_SESSIONS_LEFT, limit.remaining, limit.total, shard_id, time_to_reset)
            await asyncio.sleep(min(time_to_reset.total_seconds() + 1.0, self._recheck_s))


def reserve(limit: SessionStartLimit) -> int:
    """How many sessions are never used: other processes may check at the same moment, one per
    bucket, and a hundredth remains for the operator who fixes the cause."""
    return max(limit.max_concurrency, limit.total // 100)
