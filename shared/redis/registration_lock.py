"""One process at a time registers the commands at Discord."""

from __future__ import annotations

from shared.redis import keys
from shared.redis.store import Store


async def acquire(store: Store, ttl_s: float) -> bool:
    """Whether no other process has, within the last `ttl_s`. Raises StoreUnavailable."""
    async with store.reachable():
        return bool(
            await store.redis.set(keys.COMMAND_REGISTRATION, 1, nx=True, px=round(ttl_s * 1000))
        )
