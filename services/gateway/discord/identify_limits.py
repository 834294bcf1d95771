"""Whose turn it is to identify: one in 5 s for each bucket, over all processes of the bot.

Discord docs: Gateway, Rate Limiting, max_concurrency.
"""

from __future__ import annotations

import asyncio
from typing import Final

from shared.redis import keys
from shared.redis.store import Store, StoreUnavailable

IDENTIFY_EVERY: Final = 5.0  # seconds
SLACK: Final = 0.2  # seconds: the way to Discord is not always equally long


class IdentifyLimiter:
    """Gives out turns to identify."""

    def __init__(self, store: Store, max_concurrency: int) -> None:
        self._store = store
        self._next = [0.0] * max(1, max_concurrency)  # loop time, for each bucket

    async def wait(self, shard_id: int) -> None:
        """Returns when the shard may identify. Without Redis only this process keeps the pace."""
        bucket = shard_id % len(self._next)
        loop = asyncio.get_running_loop()
        turn = max(loop.time(), self._next[bucket])
        self._next[bucket] = turn + IDENTIFY_EVERY
        await asyncio.sleep(turn - loop.time())
        try:
            while left := await self._taken_for(bucket):  # noqa: ASYNC110 (Redis says how long)
                await asyncio.sleep(left)
        except StoreUnavailable:
            return

    async def _taken_for(self, bucket: int) -> float:
        """Seconds until the bucket is free; 0 when it was, and is ours now."""
        key, kept = keys.identify(bucket), round((IDENTIFY_EVERY + SLACK) * 1000)
        async with self._store.reachable():
            if await self._store.redis.set(key, 1, nx=True, px=kept):
                return 0.0
            left: int = await self._store.redis.pttl(key)
        return max(left, 10) / 1000
