"""How long ago the gateway was last connected to Discord: readers report it (header, health).

Every shard that is connected to Discord refreshes its heartbeat in the sorted set `heartbeats`,
by Redis' own clock. A shard that stops, for whatever reason, keeps its last heartbeat there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from shared.redis import keys
from shared.redis.scripts import Script
from shared.redis.store import Store, StoreUnavailable

log = logging.getLogger(__name__)

STALE_AFTER_S: Final = 15.0  # longer than a reconnect, and hardly shorter than a takeover
POLL_INTERVAL_S: Final = 1.0

_HEARTBEAT: Final = Script("heartbeat.lua")
_AGE: Final = Script("heartbeat_age.lua")


async def heartbeat(store: Store, shard_count: int, connected: Sequence[int]) -> None:
    """These shards, of `shard_count`, are connected to Discord now. Raises StoreUnavailable."""
    await store.run_script(_HEARTBEAT, [keys.HEARTBEATS], shard_count, *connected)


async def age(store: Store) -> float | None:
    """Seconds since the oldest heartbeat; None when there is none. Raises StoreUnavailable."""
    milliseconds = int(await store.run_script(_AGE, [keys.HEARTBEATS]))
    return None if milliseconds < 0 else milliseconds / 1000


class LivenessMonitor:
    """Polls the age of the gateway's heartbeats; `run` until cancelled."""

    def __init__(self, store: Store, *, poll_interval_s: float = POLL_INTERVAL_S) -> None:
        self._store = store
        self._poll_interval_s = poll_interval_s
        self._last_heartbeat: float | None = None  # loop time of the oldest one; None: unknown
        self._polled = 0.0  # loop time of Redis' last answer

    @property
    def stale(self) -> int | None:
        """Whole seconds since the last heartbeat, once that is too long; else None."""
        return self._stale_at(asyncio.get_running_loop().time())

    @property
    def stale_now(self) -> int:
        """`stale` as of the last poll, 0 for None. May be called from any thread."""
        return self._stale_at(self._polled) or 0

    def _stale_at(self, time: float) -> int | None:
        if self._last_heartbeat is None:
            return None
        age_s = time - self._last_heartbeat
        return round(age_s) if age_s > STALE_AFTER_S else None

    async def _poll(self) -> None:
        """Raises StoreUnavailable."""
        age_s = await age(self._store)
        self._polled = asyncio.get_running_loop().time()
        if age_s is not None:  # else Redis has lost the heartbeats, which proves nothing
            self._last_heartbeat = self._polled - age_s

    async def run(self) -> None:
        """Poll, and log when presences become stale and when they are fresh again."""
        was_stale = False
        while True:
            try:
                await self._poll()
            except StoreUnavailable as error:
                log.debug("the gateway's heartbeat cannot be read: %s", error)
            stale = self.stale
            if stale is not None and not was_stale:
                log.warning("no gateway heartbeat for %d s: presences are stale", stale)
            elif stale is None and was_stale:
                log.info("the gateway's heartbeat is back")
            was_stale = stale is not None
            await asyncio.sleep(self._poll_interval_s)
