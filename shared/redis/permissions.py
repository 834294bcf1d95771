"""What the user that REDIS_URL names may not do, of what Grux does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from redis.asyncio import Redis

from shared.redis import keys
from shared.redis.store import Store, StoreUnavailable

TRACKING: Final = "CLIENT TRACKING"
"""Without this one, api asks Redis at every read; without the others nothing works."""


async def refused(store: Store) -> list[str]:
    """The commands that are refused. Of a cluster's lines to its servers nothing is asked."""
    tried: dict[str, Callable[[], Awaitable[object]]] = {"EVAL": lambda: _eval(store)}
    redis = store.redis
    if isinstance(redis, Redis):
        tried |= {"SUBSCRIBE": lambda: _subscribe(redis), TRACKING: redis.client_tracking_off}
    found = []
    for name, trial in tried.items():
        try:
            async with store.reachable():
                await trial()
        except StoreUnavailable:
            found.append(name)
    return found


async def _eval(store: Store) -> None:
    await store.redis.eval("return 1", 0)


async def _subscribe(redis: Redis) -> None:
    async with redis.pubsub() as line:
        await line.subscribe(keys.presence(0))
        await line.get_message(timeout=1.0)
