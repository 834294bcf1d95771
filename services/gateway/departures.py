"""Erases what is kept of people who have left the last monitored server, after 30 days.

Only the gateway knows who is in a server: of someone who is hidden, Redis knows nothing. Every
process looks once an hour at everybody of whom something is kept (shared.redis.departures). One of
them erases, and only while every shard is connected: a process that knows the person would have
said so.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Sequence
from typing import Final, Protocol

from msgspec import Struct

from services.gateway.state.user_cache import UserCache
from shared.redis import gateway_liveness
from shared.redis.departures import DepartureStore
from shared.redis.store import Store, StoreUnavailable
from shared.redis.user_data import erase_user

log = logging.getLogger(__name__)

KEPT_DAYS: Final = 30
BATCH_USERS: Final = 100
_DAY_MS: Final = 86_400_000
_LOCK_MS: Final = 600_000
_SURE_SWEEPS: Final = 2  # in a row with every shard connected: each process has looked


class DepartureTimings(Struct, frozen=True, kw_only=True):
    """How often and when a process looks, and how long data is kept."""

    interval_s: float = 3600.0
    welcome_after_s: float = 60.0
    kept_ms: int = KEPT_DAYS * _DAY_MS

    def erased_until_ms(self, now_ms: int) -> int:
        """Those who were noted until then are erased. Two intervals later than `kept_ms`: who has
        just come back was seen by then."""
        return now_ms - self.kept_ms - round(2000 * self.interval_s)


class ConnectedShard(Protocol):
    """services.gateway.discord.shard.Shard, as far as it is needed here."""

    @property
    def count(self) -> int: ...

    @property
    def is_running(self) -> bool: ...

    @property
    def is_connected(self) -> bool: ...


class Departures:
    """`run` looks once in each interval, until cancelled."""

    def __init__(
        self,
        store: Store,
        durable: Store,
        users: UserCache,
        shards: Sequence[ConnectedShard],
        timings: DepartureTimings | None = None,
    ) -> None:
        """`users`: all in the servers of `shards`, which this process runs or stands by for."""
        self._store = store
        self._durable = durable
        self._departures = DepartureStore(durable)
        self._users = users
        self._shards = shards
        self._timings = timings or DepartureTimings()
        self._connected_sweeps = 0  # in a row

    async def run(self) -> None:
        """Until cancelled."""
        delay_s, left_s = self._timings.welcome_after_s, self._timings.interval_s
        while 0 < delay_s < left_s:  # Discord may need long to list all members
            await asyncio.sleep(delay_s)
            with contextlib.suppress(StoreUnavailable):
                await self.welcome()
            left_s -= delay_s
            delay_s *= 2
        await asyncio.sleep(left_s)
        while True:
            try:
                await self.sweep(time.time_ns() // 1_000_000)
            except StoreUnavailable as error:
                self._connected_sweeps = 0
                log.debug("it cannot be seen who has left: %s", error)
            await asyncio.sleep(self._timings.interval_s)

    async def welcome(self) -> None:
        """Cancel what other processes have noted of the members here. In the first hour, and not
        only in a sweep: the process may be restarted before that. Raises StoreUnavailable."""
        async for batch in self._departures.people():
            await self._departures.cancel([one for one in batch if self._is_member(one)])

    async def sweep(self, now_ms: int) -> int:
        """Note who has left, and erase who left long ago. Returns how many were erased. Raises
        StoreUnavailable."""
        if not any(shard.is_running and shard.is_connected for shard in self._shards):
            self._connected_sweeps = 0
            return 0
        async for batch in self._departures.people():
            absent = [user_id for user_id in batch if not self._is_member(user_id)]
            present = [user_id for user_id in batch if self._is_member(user_id)]
            await self._departures.note(absent, now_ms)
            await self._departures.cancel(present)
        if not await gateway_liveness.all_connected(self._store, self._shards[0].count):
            self._connected_sweeps = 0
            return 0
        self._connected_sweeps += 1
        if self._connected_sweeps < _SURE_SWEEPS:
            return 0
        owner = await self._departures.lock(_LOCK_MS)
        if owner is None:
            return 0
        erased = await self._erase_due(now_ms)
        await self._departures.unlock(owner)
        if erased:
            log.info("erased the data of %d users who left %d days ago", erased, KEPT_DAYS)
        return erased

    async def _erase_due(self, now_ms: int) -> int:
        erased = 0
        until = self._timings.erased_until_ms(now_ms)
        while due := await self._departures.due(until, BATCH_USERS):
            gone = [user_id for user_id in due if not self._is_member(user_id)]
            for user_id in gone:
                await erase_user(self._store, self._durable, user_id, now_ms=now_ms)
                erased += 1
            await self._departures.cancel(due)
        return erased

    def _is_member(self, user_id: int) -> bool:
        cached = self._users.get(user_id)
        return cached is not None and bool(cached.guilds)
