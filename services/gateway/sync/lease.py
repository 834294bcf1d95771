"""The right to run a shard, and with it the right to write.

One process holds the lease of a shard, in the shard's record in Redis, and renews it every second;
others stand by and take over when it expires or is released. ARCHITECTURE.md shows the states, and
docs/decisions/0008-one-process-runs-a-shard.md gives the reasons for the rules.

A holder that cannot reach Redis stops writing. It stays connected to Discord, so that no event is
missed, unless another process stands by: then it gives up the shard after a while.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable, Iterator
from typing import Final, Literal, TypeVar

from msgspec import Struct

from shared.discord.snowflake import ShardKey
from shared.redis import shard_record
from shared.redis.shard_record import ClaimState
from shared.redis.store import Store, StoreUnavailable

log = logging.getLogger(__name__)

T = TypeVar("T")

Renewal = Literal["renewed", "data lost", "unreachable", "lost"]
"""`data lost`: renewed, and Redis may have lost what was written before. `lost`: the shard is, or
may be, another process's."""

FREE: Final[tuple[ClaimState, ...]] = ("expired", "released", "missing")
_LOST_BECAUSE: Final = {
    "taken": "is run by another process now",
    "missing": "may have been run by another process while this one was stopped",
}


class LeaseTimings(Struct, frozen=True, kw_only=True):
    """In seconds. A killed holder is replaced after ttl_s + expired_grace_s + two looks at most."""

    ttl_s: float = 3.0
    """After the last renewal, by the clock of Redis. Two renewals may be late or fail."""
    write_window_s: float = 2.0
    """After a renewal was sent, by the clock of this process, in which it may write. Shorter than
    the TTL: the clocks only have to run equally fast for three seconds."""
    renew_interval_s: float = 1.0
    answer_timeout_s: float = 1.25
    """Of Redis. If the connection of one renewal is dead, the next one comes within the TTL."""
    retry_interval_s: float = 0.25  # while Redis is away, as writes wait for its answer
    standby_interval_s: float = 0.25  # between two looks of a standby
    expired_grace_s: float = 0.5
    """How long an expired lease is left alone. When Redis answers again after a stall, a standby
    may be served before the holder: the holder's next attempt comes within this time."""
    missing_grace_s: float = 2.5
    """How long a missing lease is left alone. Redis that came back empty has lost the lease, and
    the holder gets the time to notice it; by the end it writes no more."""
    give_up_after_s: float = 8.0
    """Without Redis and with a standby. Longer than the TTL: a lease that no process has taken is
    renewed when Redis is back, and no session has to move."""


class Lease:
    """One process's claim to one shard."""

    def __init__(self, store: Store, shard: ShardKey, timings: LeaseTimings | None = None) -> None:
        self.shard = shard
        self.owner = secrets.token_hex(8)
        self.generation = ""  # of Redis' data; known before anything may be written
        self.has_standby = False  # at the last renewal
        self._store = store
        self._timings = timings or LeaseTimings()
        self._name = f"shard {shard[0]} of {shard[1]}"
        self._held_since = float("inf")
        self._renewed_at = float("-inf")
        self._is_unreachable = False
        self._invalidations = 0
        self._confirmed = 0  # how many of the invalidations a renewal has followed
        self._suspicions = 0
        self._wake = asyncio.Event()
        self._rewrite_at = float("inf")
        self._last_tick = float("inf")
        self._was_stopped = False  # since the last renewal was sent

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
        """Redis has failed: renew the lease at once; until then it is not valid.

        Otherwise a process that starts at this moment could run the shard beside this one for a
        second.
        """
        self._invalidations += 1
        self._wake.set()

    def suspect_loss(self) -> None:
        """Redis has turned out to lack data: begin a new generation, with a renewal at once."""
        self._suspicions += 1
        self.invalidate()

    async def acquire(self, *, lost: bool = False) -> None:
        """Return when this process holds the lease. Stand by while another one does.

        `lost`: this process ran the shard until another one took it. A missing lease then means
        that Redis has forgotten the other one, which gets the grace time as always.
        """
        if not lost and await self._take_if_free():
            return
        log.info("%s is run by another process; standing by", self._name)
        state, since = "held", _now()
        while True:
            await asyncio.sleep(self._timings.standby_interval_s)
            allowed = self._may_take(state, _now() - since)
            try:
                found = await self._take(allowed, stand_by=True)
            except StoreUnavailable:
                found = "held"  # nothing is known, and the graces begin anew
            if found == "acquired":
                log.warning("%s is taken over by this process", self._name)
                return
            if found == "doubtful":
                found = "missing"
            if found != state:
                state, since = found, _now()

    async def renew(self, checkpoint: bytes = b"") -> Renewal:
        """One round trip: renew the lease, compare the generation, save the checkpoint.

        The checkpoint is saved only in the generation that was known before.
        """
        sent_at, stopped = _now(), self._stopped()
        self._last_tick, self._was_stopped = sent_at, False
        invalidations, suspicions = self._invalidations, self._suspicions
        is_second_rewrite = sent_at >= self._rewrite_at
        self._wake.clear()
        try:
            held = await self._answer(
                shard_record.hold(
                    self._store,
                    self.shard,
                    self.owner,
                    self._timings.ttl_s,
                    was_stopped=stopped,
                    suspects_loss=suspicions > 0 or is_second_rewrite,
                    generation=self.generation,
                    checkpoint=checkpoint,
                )
            )
            if isinstance(held, str):
                self._renewed_at = float("-inf")
                log.warning("%s %s", self._name, _LOST_BECAUSE[held])
                return "lost"
            self.has_standby = held.has_standby
            if held.is_new and not self.generation:
                # Redis had no data. Yet another process may have written at this moment: one that
                # ran the shard before Redis was emptied, and has not noticed that.
                self._rewrite_at = _now() + 2 * self._timings.write_window_s
            if held.generation != self.generation:
                await shard_record.announce_count(self._store, self.shard[1])
        except StoreUnavailable as error:
            self._was_stopped |= stopped  # Redis has not said yet what that has led to
            return self._unreachable(error)
        self._suspicions -= suspicions
        self._renewed_at, self._confirmed = sent_at, invalidations
        self._is_unreachable = False
        previous, self.generation = self.generation, held.generation
        if previous in ("", held.generation):
            return "renewed"
        if is_second_rewrite:
            log.info("%s was new to Redis: rewriting all users once more", self._name)
        else:
            log.warning("Redis may have lost its data: rewriting all users")
        self._rewrite_at = float("inf")
        return "data lost"

    def renew_soon(self) -> None:
        """There is something to save with the next renewal."""
        self._wake.set()

    async def until_due(self) -> None:
        """Return when the lease is to be renewed again."""
        if self._is_unreachable:
            await asyncio.sleep(self._timings.retry_interval_s)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._timings.renew_interval_s):
                await self._wake.wait()

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """While the lease is renewed: notices when this process is stopped."""
        self._held_since = self._last_tick = _now()
        ticking = asyncio.create_task(self._tick())
        try:
            yield
        finally:
            ticking.cancel()

    async def release(self, checkpoint: bytes = b"") -> None:
        """Save the checkpoint, and let a standby take over at once. From here on this process
        writes nothing."""
        self._renewed_at = float("-inf")
        try:
            await shard_record.release(
                self._store, self.shard, self.owner, self.generation, checkpoint
            )
        except StoreUnavailable:
            log.debug("the lease of %s was not released and will expire", self._name)

    def _may_take(self, state: str, unchanged_s: float) -> list[ClaimState]:
        allowed: list[ClaimState] = ["released"]
        if state == "expired" and unchanged_s >= self._timings.expired_grace_s:
            allowed.append("expired")
        if state == "missing" and unchanged_s >= self._timings.missing_grace_s:
            allowed += ("missing", "doubtful")
        return allowed

    async def _take_if_free(self) -> bool:
        try:
            return await self._take(FREE, stand_by=False) == "acquired"
        except StoreUnavailable:
            pass
        try:  # Redis may answer reads and refuse writes
            return await self._take((), stand_by=False) in FREE
        except StoreUnavailable:
            return True  # Redis may be away for long, and Discord's events should not be missed

    async def _take(
        self, allowed: tuple[ClaimState, ...] | list[ClaimState], *, stand_by: bool
    ) -> ClaimState | Literal["acquired"]:
        return await self._answer(
            shard_record.acquire(
                self._store, self.shard, self.owner, self._timings.ttl_s, allowed, stand_by=stand_by
            )
        )

    async def _answer(self, call: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(self._timings.answer_timeout_s):
                return await call
        except TimeoutError:
            raise StoreUnavailable("Redis does not answer in time") from None

    def _unreachable(self, error: StoreUnavailable) -> Renewal:
        if not self._is_unreachable:
            self._is_unreachable = True
            log.warning("%s; writes wait until it is back", error)
        last = max(self._held_since, self._renewed_at)
        if not self.has_standby or _now() - last < self._timings.give_up_after_s:
            return "unreachable"
        log.warning(
            "%s may have been taken over, as Redis has not been reached for %.0f s",
            self._name,
            self._timings.give_up_after_s,
        )
        return "lost"

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(self._timings.write_window_s / 4)
            self._was_stopped |= self._stopped()
            self._last_tick = _now()

    def _stopped(self) -> bool:
        """Whether this process was recently stopped for longer than its write window. Its state is
        outdated then, and another process may have run the shard meanwhile, and be gone. Redis that
        does not answer does not count as a stop.
        """
        return self._was_stopped or _now() - self._last_tick > self._timings.write_window_s


def _now() -> float:
    return asyncio.get_running_loop().time()
