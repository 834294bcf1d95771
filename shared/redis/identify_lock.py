"""One Identify at a time for each of Discord's buckets, over all processes of the bot."""

from __future__ import annotations

from typing import Final

from shared.redis import keys
from shared.redis.store import Store

_MIN_WAIT_MS: Final = 10


async def acquire(store: Store, bucket: int, ttl_s: float) -> float:
    """Gives 0 when the bucket was free and is locked now, else the seconds until it is free.

    Raises StoreUnavailable.
    """
    key = keys.identify(bucket)
    async with store.reachable():
        if await store.redis.set(key, 1, nx=True, px=round(ttl_s * 1000)):
            return 0.0
        left: int = await store.redis.pttl(key)
    return max(left, _MIN_WAIT_MS) / 1000
