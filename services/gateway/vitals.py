"""Life signs of the shards in Redis."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Sequence
from typing import Any, Final

from services.gateway.discord.shard import Shard
from shared.redis import gateway_liveness, keys
from shared.redis.store import Store, StoreUnavailable

log = logging.getLogger(__name__)

EVERY: Final = 5.0  # seconds
KEPT: Final = 30  # seconds after the last sign


class Vitals:
    """Writes `gateway:<shard>`; `run` until cancelled."""

    def __init__(self, store: Store, shards: Sequence[Shard]) -> None:
        self._store = store
        self._shards = shards
        self._signed: list[int] = []  # shards, the last time
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
        if not self._signed:
            return
        try:
            async with self._store.reachable():
                await self._store.redis.delete(*(keys.gateway(one) for one in self._signed))
        except StoreUnavailable:
            log.debug("the signs of life run out by themselves")

    async def _sign(self) -> None:
        """For the shards that this process runs: who stands by has nothing to say."""
        ours = [shard for shard in self._shards if shard.is_ours]
        self._signed = [shard.id for shard in ours]
        if not ours:
            return
        async with self._store.reachable():
            pipe = self._store.redis.pipeline(transaction=False)
            for shard in ours:
                pipe.hset(keys.gateway(shard.id), mapping=self._vitals(shard))
                pipe.expire(keys.gateway(shard.id), KEPT)
            await pipe.execute()
        connected = [shard.id for shard in ours if shard.is_connected]
        await gateway_liveness.heartbeat(self._store, ours[0].count, connected)

    def _vitals(self, shard: Shard) -> dict[Any, Any]:
        now = int(time.time() * 1000)
        if shard.is_connected:
            self._since.setdefault(shard.id, now)
        else:
            self._since.pop(shard.id, None)
        latency = shard.latency
        return {
            "alive": now,  # milliseconds since 1970
            "connected_since": self._since.get(shard.id, 0),
            "last_event": int(shard.last_event * 1000),
            "latency_ms": 0 if math.isnan(latency) else round(latency * 1000),
        }
