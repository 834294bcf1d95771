"""How long ago the gateway was last connected to Discord: readers report it (header, health).

Every shard that is connected to Discord refreshes its heartbeat in the sorted set `heartbeats`,
by Redis' own clock. A shard that stops, for whatever reason, keeps its last heartbeat there.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Sequence
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
    found = await ages(store)
    return found and found[0]


async def ages(store: Store) -> tuple[float, float] | None:
    """Seconds since the oldest and since the newest heartbeat. Raises StoreUnavailable."""
    found = await store.run_script(_AGE, [keys.HEARTBEATS])
    if not found:
        return None
    oldest_ms, newest_ms, _ = found
    return oldest_ms / 1000, newest_ms / 1000


async def all_connected(store: Store, shard_count: int) -> bool:
    """Whether each of the shards has a recent heartbeat. Raises StoreUnavailable."""
    found = await store.run_script(_AGE, [keys.HEARTBEATS])
    if not found:
        return False
    oldest_ms, _, count = found
    return int(count) == shard_count and oldest_ms <= STALE_AFTER_S * 1000


class LivenessMonitor:
    """Polls the age of the gateway's heartbeats; `run` until cancelled.

    When no shard at all has been connected for `max_silence_s`, nothing in Redis is shown any more:
    a user who has left or hidden something since then would still be in it. `store` then has no
    users for readers.
    """

    def __init__(
        self,
        store: Store,
        *,
        poll_interval_s: float = POLL_INTERVAL_S,
        max_silence_s: float = math.inf,
        on_expired: Callable[[], object] = lambda: None,
        on_returned: Callable[[], object] = lambda: None,
    ) -> None:
        """`on_expired`: called when the store has no users any more, to forget them elsewhere.
        `on_returned`: when it has them again; nothing reports that they have joined."""
        self._store = store
        self._poll_interval_s = poll_interval_s
        self._max_silence_s = max_silence_s
        self._on_expired = on_expired
        self._on_returned = on_returned
        self._newest_heartbeat = math.inf  # loop time; inf: unknown
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

    async def poll(self) -> None:
        """Once, before anything is read: until the first poll `store` is taken to have users.
        Raises StoreUnavailable."""
        await self._poll()
        self._expire()

    async def _poll(self) -> None:
        """Raises StoreUnavailable."""
        found = await ages(self._store)
        self._polled = asyncio.get_running_loop().time()
        if found is not None:  # else Redis has lost the heartbeats, which proves nothing
            oldest_s, newest_s = found
            self._last_heartbeat = self._polled - oldest_s
            self._newest_heartbeat = self._polled - newest_s

    def _expire(self) -> None:
        """Show nothing while no gateway has been there for too long."""
        silent_s = asyncio.get_running_loop().time() - self._newest_heartbeat
        is_expired = silent_s > self._max_silence_s
        if is_expired and not self._store.is_expired:
            log.warning("no gateway for %.0f s: no presence is shown any more", silent_s)
            self._store.is_expired = True
            self._on_expired()
        elif self._store.is_expired and not is_expired:
            log.info("a gateway is back: presences are shown again")
            self._store.is_expired = False
            self._on_returned()

    async def run(self) -> None:
        """Poll, and log when presences become stale and when they are fresh again."""
        was_stale = False
        while True:
            try:
                await self._poll()
            except StoreUnavailable as error:
                log.debug("the gateway's heartbeat cannot be read: %s", error)
            self._expire()
            stale = self.stale
            if stale is not None and not was_stale:
                log.warning("no gateway heartbeat for %d s: presences are stale", stale)
            elif stale is None and was_stale:
                log.info("the gateway's heartbeat is back")
            was_stale = stale is not None
            await asyncio.sleep(self._poll_interval_s)
