"""How long ago the gateway was last heard: readers say so instead of pretending.

Every shard that is connected to Discord beats in the sorted set `gateways`, by Redis' own clock.
A shard that stops, for whatever reason, stays there with its last beat.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from shared.redis import keys
from shared.redis.store import Store, StoreUnavailable

log = logging.getLogger(__name__)

LOOK_EVERY: Final = 1.0  # seconds
STALE_AFTER: Final = 15.0  # seconds: a reconnect is shorter, and a takeover hardly longer

# KEYS gateways; ARGV shard count, connected shards. Beats of another division of the guilds end.
_BEAT = """
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  if not string.find(member, '/' .. ARGV[1] .. '$') then redis.call('ZREM', KEYS[1], member) end
end
for i = 2, #ARGV do redis.call('ZADD', KEYS[1], now, ARGV[i] .. '/' .. ARGV[1]) end
"""

# KEYS gateways. Milliseconds since the beat of the shard that has been silent longest; -1: none.
_SILENCE = """
local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
if not first[2] then return -1 end
local time = redis.call('TIME')
return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000) - tonumber(first[2])
"""


async def beat(store: Store, shard_count: int, connected: Sequence[int]) -> None:
    """These shards of so many are connected to Discord now. Raises StoreUnavailable."""
    async with store.reachable():
        await store.redis.eval(_BEAT, 1, keys.GATEWAYS, shard_count, *connected)


async def silence(store: Store) -> float | None:
    """Seconds since the quietest shard was heard; None: never. Raises StoreUnavailable."""
    async with store.reachable():
        milliseconds = int(await store.redis.eval(_SILENCE, 1, keys.GATEWAYS))
    return None if milliseconds < 0 else milliseconds / 1000


class LivenessMonitor:
    """Feels the gateway's pulse; `run` until cancelled."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._heard: float | None = None  # the last beat that was known here, by the loop's clock
        self._asked = 0.0  # when Redis answered last

    @property
    def stale(self) -> int | None:
        """Whole seconds since the gateway was last heard, once that is too long; else None."""
        return self._stale_at(asyncio.get_running_loop().time())

    @property
    def stale_now(self) -> int:
        """`stale` as it was when Redis answered last, 0 for None. From any thread."""
        return self._stale_at(self._asked) or 0

    def _stale_at(self, time: float) -> int | None:
        if self._heard is None:
            return None
        silence = time - self._heard
        return round(silence) if silence > STALE_AFTER else None

    async def _feel(self) -> None:
        """Raises StoreUnavailable."""
        found = await silence(self._store)
        self._asked = asyncio.get_running_loop().time()
        if found is not None:  # else Redis has lost the beats, which ends no silence
            self._heard = self._asked - found

    async def run(self) -> None:
        was_stale = False
        while True:
            try:
                await self._feel()
            except StoreUnavailable as error:
                log.debug("the gateway's pulse is not felt: %s", error)
            stale = self.stale
            if stale is not None and not was_stale:
                log.warning("the gateway has not been heard for %d s: presences grow old", stale)
            elif stale is None and was_stale:
                log.info("the gateway is heard again")
            was_stale = stale is not None
            await asyncio.sleep(LOOK_EVERY)
