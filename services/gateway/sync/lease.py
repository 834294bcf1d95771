"""The right to run a shard, and with it the right to write.

One process holds the lease of a shard; others stand by and take over when it is gone.

The lease is a key in Redis that its holder renews. A process that stands by sets a key beside it,
and the holder acts on that when it cannot reach Redis: without a standby it stays connected to
Discord, so that no event is missed; with one it gives up the shard when its time has run out.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct

from services.gateway.discord.replay_barrier import ReplayBarrier
from shared.discord.snowflake import ShardKey
from shared.redis import completeness, shard_lease
from shared.redis.store import Store, StoreUnavailable

log = logging.getLogger(__name__)

LEASE_TTL_S: Final = 8.0
WRITE_WINDOW_S: Final = 3.0
TAKEOVER_GRACE_S: Final = 3.5


class LeaseTimings(Struct, frozen=True, kw_only=True):
    """In seconds."""

    ttl_s: float = LEASE_TTL_S  # after the last renewal
    write_window_s: float = WRITE_WINDOW_S
    """After the last renewal, in which this process may write. Shorter than the TTL: a Redis that
    is emptied forgets the lease at once."""
    renew_interval_s: float = 1.0
    retry_interval_s: float = 0.25  # while Redis is away, as writes wait for its answer
    standby_interval_s: float = 1.0  # between two attempts to take over
    takeover_grace_s: float = TAKEOVER_GRACE_S
    """How long a missing lease is left alone. A Redis that came back empty has lost the lease, and
    the holder gets the time to notice it; by the end it writes no more."""


_LOST_BECAUSE: Final = {
    shard_lease.TAKEN: "is run by another process now",
    shard_lease.MISSING: "may have been run by another process while this one was stopped",
}


class Lease:
    """One process's claim to one shard."""

    def __init__(
        self,
        store: Store,
        shard: ShardKey,
        on_redis_loss: Callable[[], None],
        timings: LeaseTimings | None = None,
    ) -> None:
        """`on_redis_loss` is called when Redis may have lost what was written under the lease."""
        self.shard = shard
        self.owner = secrets.token_hex(8)
        self.generation = ""  # completeness.generation; known before anything may be written
        self.has_standby = False  # at the last renewal
        self._store = store
        self._on_redis_loss = on_redis_loss
        self._timings = timings or LeaseTimings()
        self._name = f"shard {shard[0]} of {shard[1]}"
        self._renewed_at = float("-inf")
        self._invalidations = 0
        self._confirmed = 0  # how many of the invalidations a renewal has followed
        self._rewrite_at = float("inf")
        self._last_tick = _now()
        self._was_stopped = False  # since the last renewal was sent
        self._invalidated = asyncio.Event()

    @property
    def valid(self) -> bool:
        """Whether Redis has confirmed the lease so recently that no other process can hold it.

        False after this process was stopped for long, and after a start without Redis, until the
        next renewal.
        """
        return (
            self._confirmed == self._invalidations
            and _now() - self._renewed_at < self._timings.write_window_s
        )

    def invalidate(self) -> None:
        """Redis has lost data, perhaps the lease: renew it at once; until then it is not valid.

        Otherwise a process that starts at this moment could run the shard beside this one for a
        second.
        """
        self._invalidations += 1
        self._invalidated.set()

    async def acquire(self, *, lost: bool = False) -> None:
        """Return when this process holds the lease. Stand by while another one does.

        `lost`: this process ran the shard until another one took it. A missing lease then means
        that Redis has forgotten the other one, which gets the grace time as always.
        """
        if not lost and await self._take_if_free():
            return
        log.info("%s is run by another process; standing by", self._name)
        missing_since = None
        while True:
            await asyncio.sleep(self._timings.standby_interval_s)
            try:
                await shard_lease.stand_by(self._store, self.shard, self.owner, self._timings.ttl_s)
                holder = await shard_lease.holder(self._store, self.shard)
                if holder is None:
                    missing_since = missing_since or _now()
                    may_take = _now() - missing_since >= self._timings.takeover_grace_s
                else:
                    missing_since = None
                    may_take = holder == shard_lease.RELEASED
                if may_take and await self._take():
                    log.warning("%s is taken over by this process", self._name)
                    return
            except StoreUnavailable:
                missing_since = None

    async def hold(self) -> None:
        """Renew the lease; return when this process does not hold it any more."""
        self._last_tick = _now()
        ticking = asyncio.create_task(self._tick())
        try:
            await self._keep_renewing()
        finally:
            ticking.cancel()

    async def release(self) -> None:
        """Let a standby take over at once. From here on this process writes nothing."""
        self._renewed_at = float("-inf")
        try:
            await shard_lease.release(self._store, self.shard, self.owner, self._timings.ttl_s)
        except StoreUnavailable:
            log.debug("the lease of %s was not released and will expire", self._name)

    async def _keep_renewing(self) -> None:
        began = _now()
        is_away = False
        while True:
            sent_at, stopped = _now(), self._stopped()
            self._last_tick, self._was_stopped = sent_at, False
            invalidations = self._invalidations
            try:
                result = await shard_lease.renew(
                    self._store, self.shard, self.owner, self._timings.ttl_s, must_exist=stopped
                )
                if result in _LOST_BECAUSE:
                    self._renewed_at = float("-inf")
                    log.warning("%s %s", self._name, _LOST_BECAUSE[result])
                    return
                self.has_standby = result == shard_lease.RENEWED_WITH_STANDBY
                await self._compare_generation()
                self._renewed_at, self._confirmed, is_away = sent_at, invalidations, False
                await self._wait_to_renew()
            except StoreUnavailable as error:
                self._was_stopped |= stopped  # Redis has not said yet what that has led to
                if not is_away:
                    is_away = True
                    log.warning("%s; writes wait until it is back", error)
                last = max(began, self._renewed_at)
                if self.has_standby and _now() - last >= self._timings.ttl_s:
                    log.warning(
                        "%s may have been taken over, as Redis has not been reached for %.0f s",
                        self._name,
                        self._timings.ttl_s,
                    )
                    return
                await asyncio.sleep(self._timings.retry_interval_s)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(self._timings.write_window_s / 4)
            self._was_stopped |= self._stopped()
            self._last_tick = _now()

    def _stopped(self) -> bool:
        """Whether this process was recently stopped for longer than its write window. Its state is
        outdated then, and another process may have run the shard meanwhile, and be gone. A Redis
        that does not answer does not count as a stop.
        """
        return self._was_stopped or _now() - self._last_tick > self._timings.write_window_s

    async def _wait_to_renew(self) -> None:
        self._invalidated.clear()
        if self._confirmed == self._invalidations:  # else invalidated during the renewal
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._timings.renew_interval_s):
                    await self._invalidated.wait()

    async def _take_if_free(self) -> bool:
        try:
            return await self._take()
        except StoreUnavailable:
            pass
        try:  # Redis may answer reads and refuse writes
            return not await shard_lease.holder(self._store, self.shard)
        except StoreUnavailable:
            return True  # Redis may be away for long, and Discord's events should not be missed

    async def _take(self) -> bool:
        return await shard_lease.take(self._store, self.shard, self.owner, self._timings.ttl_s)

    async def _compare_generation(self) -> None:
        """Report a loss when Redis' data has another generation than at the last renewal."""
        generation, is_new = await completeness.generation(self._store, *self.shard)
        previous, self.generation = self.generation, generation
        if previous not in ("", generation):
            log.warning("Redis may have lost its data: rewriting all users")
            self._on_redis_loss()
        elif is_new:
            # Redis had no data. Yet another process may have written at this moment: one that ran
            # the shard before Redis was emptied, and has not noticed that.
            self._rewrite_at = _now() + 2 * self._timings.write_window_s
        elif _now() >= self._rewrite_at:
            self._rewrite_at = float("inf")
            log.info("%s was new to Redis: rewriting all users once more", self._name)
            self._on_redis_loss()


def _now() -> float:
    return asyncio.get_running_loop().time()


class WriteGate:
    """Open while every held lease is valid and no shard's replay is active.

    The runner adds the leases that it holds; the writer asks before each batch.
    """

    def __init__(self) -> None:
        self._held: dict[Lease, ReplayBarrier] = {}

    def add(self, lease: Lease, replay: ReplayBarrier) -> None:
        """This process runs the lease's shard from now on."""
        self._held[lease] = replay

    def remove(self, lease: Lease) -> None:
        """This process does not run the shard any more."""
        del self._held[lease]

    @property
    def is_open(self) -> bool:
        """True without any shard: there is nothing to protect."""
        return all(lease.valid and not replay.active for lease, replay in self._held.items())

    @property
    def generations(self) -> Mapping[ShardKey, str]:
        """Lease.generation of each shard that this process runs."""
        return {lease.shard: lease.generation for lease in self._held}

    def invalidate(self) -> None:
        """Redis has failed or lost data: close until every lease has been renewed."""
        for lease in self._held:
            lease.invalidate()
