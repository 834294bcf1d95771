"""How much memory Redis takes: told by the gateway, as Redis tells no scraper."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from services.gateway import metrics
from shared.redis.store import Store, StoreUnavailable

log = logging.getLogger(__name__)

LOOK_EVERY: Final = 10.0  # seconds


async def watch(store: Store) -> None:
    """Until cancelled. While Redis is away, the last numbers stand."""
    while True:
        try:
            servers = await store.info("memory")
            metrics.REDIS_MEMORY.set(sum(server.get("used_memory", 0) for server in servers))
            metrics.REDIS_LIMIT.set(sum(server.get("maxmemory", 0) for server in servers))
        except StoreUnavailable as error:
            log.debug("Redis' memory is not known: %s", error)
        await asyncio.sleep(LOOK_EVERY)
