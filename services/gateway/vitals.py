"""Life signs of the shards in Redis, and the sign that Redis has lost what it held."""

from __future__ import annotations

import asyncio
import logging
import math
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any, Final

from services.gateway.shard import Shard
from shared import keys, pulse
from shared.store import Store, StoreUnavailable

log = logging.getLogger(__name__)

EVERY: Final = 5.0  # seconds
KEPT: Final = 30  # seconds after the last sign


class Vitals:
    """Writes `gateway:<shard>`; `run` until cancelled."""

    def __init__(self, store: Store, shards: Sequence[Shard], on_loss: Callable[[], None]) -> None:
        """`on_loss` is called when our sign is gone from Redis: so is all else, perhaps."""
        self._store = store
        self._shards = shards
        self._on_loss = on_loss
        self._run_id = uuid.uuid4().hex
        self._signed = False
        self._since: dict[int, int] = {}

    async def run(self) -> None:
        while True:
            try:
                await self._sign()
            except StoreUnavailable as error:
                log.debug("no sign of life written: %s", error)
            await asyncio.sleep(EVERY)

    async def end(self) -> None:
        """Take the signs back: this process is gone on purpose."""
        try:
            async with self._store.reachable():
                await self._store.redis.delete(*(keys.gateway(shard.id) for shard in self._shards))
        except StoreUnavailable:
            log.debug("the signs of life run out by themselves")

    async def _sign(self) -> None:
        async with self._store.reachable():
            first = await self._store.redis.hget(keys.gateway(self._shards[0].id), "run")
        if self._signed and first is None:
            log.warning("Redis has lost our signs of life: writing everyone again")
            self._on_loss()
        async with self._store.reachable():
            pipe = self._store.redis.pipeline(transaction=False)
            for shard in self._shards:
                pipe.hset(keys.gateway(shard.id), mapping=self._vitals(shard))
                pipe.expire(keys.gateway(shard.id), KEPT)
            await pipe.execute()
        connected = [shard.id for shard in self._shards if shard.is_connected]
        await pulse.beat(self._store, self._shards[0].count, connected)
        self._signed = True

    def _vitals(self, shard: Shard) -> dict[Any, Any]:
        now = int(time.time() * 1000)
        if shard.is_connected:
            self._since.setdefault(shard.id, now)
        else:
            self._since.pop(shard.id, None)
        latency = shard.latency
        return {
            "run": self._run_id,
            "alive": now,  # milliseconds since 1970
            "connected_since": self._since.get(shard.id, 0),
            "last_event": int(shard.last_event * 1000),
            "latency_ms": 0 if math.isnan(latency) else round(latency * 1000),
        }
