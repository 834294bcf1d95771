"""The right to run a shard: one process has it, others stand by and take over when it is gone.

The right is a key in Redis that its holder renews. Whoever stands by says so beside it, and that
is what the holder goes by when it cannot reach Redis: with nobody standing by it stays connected
to Discord, so that nothing is missed; else it lets go when its time has run out.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable
from typing import Final

from shared.redis import completeness, keys
from shared.redis.store import Store, StoreUnavailable

log = logging.getLogger(__name__)

KEPT: Final = 8.0  # seconds after the last renewal
VALID: Final = 3.0  # seconds after the last renewal in which this process may write
RENEW_EVERY: Final = 1.0  # seconds
ASK_AGAIN: Final = 0.25  # seconds, while Redis is away: what is owed waits for the answer
LOOK_EVERY: Final = 1.0  # seconds, while standing by
HANDED_OVER: Final = b""  # what stands in the place of an owner who has let go
SETTLE: Final = 3.5  # seconds: a Redis that came back empty is given time to hear of the holder,
# who does not write any more by then

# KEYS lease, standby; ARGV owner, ms, whether it must not be missing. Gives Redis' time, behind
# 0: another's, -1: missing, 1: ours, 2: ours, and somebody stands by.
_RENEW = """
local owner = redis.call('GET', KEYS[1])
local time = redis.call('TIME')
if owner and owner ~= ARGV[1] then return {0, time[1], time[2]} end
if not owner and ARGV[3] == '1' then return {-1, time[1], time[2]} end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return {redis.call('EXISTS', KEYS[2]) == 1 and 2 or 1, time[1], time[2]}
"""
_ANOTHERS = {
    0: "is run by another process now",
    -1: "may have been run by another process while this one was stopped",
}
# KEYS lease; ARGV owner, ms. One that was given back differs from one that Redis has lost.
_RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('SET', KEYS[1], '', 'PX', ARGV[2]) end
"""
# KEYS lease; ARGV owner, ms.
_TAKE = """
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= '' then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""


class Lease:
    """One process's claim to one shard."""

    def __init__(
        self,
        store: Store,
        shard_id: int,
        shard_count: int,
        on_loss: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_loss` is called when Redis may have lost what was written under the lease."""
        self.shard = (shard_id, shard_count)
        self.key = keys.lease(shard_id, shard_count)
        self.owner = secrets.token_hex(8)
        self.epoch = ""  # wholeness.epoch; known before anything may be written
        self._on_loss = on_loss
        self._store = store
        self._what = f"shard {shard_id} of {shard_count}"
        self._standby = keys.standby(shard_id, shard_count)
        self._contended = False
        self._renewed = self._doubted = float("-inf")
        self._rewrite_at = float("inf")
        self._ticked = _now()
        self._was_stopped = False  # since the last renewal was asked for
        self._doubts = asyncio.Event()

    @property
    def valid(self) -> bool:
        """Whether Redis has confirmed it so lately that nobody else can have it.

        Not for as long as it is kept: a Redis that is emptied forgets it at once.
        It is not after this process was stopped for long, or where it started without Redis:
        then nothing may be written before the next renewal.
        """
        return self._renewed > self._doubted and _now() - self._renewed < VALID

    @property
    def contended(self) -> bool:
        """Whether somebody stood by at the last renewal."""
        return self._contended

    def doubt(self) -> None:
        """Redis has lost something, perhaps the lease: it is renewed at once, and not valid before.

        Else a process that starts just then would have the shard beside this one for a second.
        """
        self._doubted = _now()
        self._doubts.set()

    async def acquire(self, *, lost: bool = False) -> None:
        """Returns when the shard is ours. Stands by as long as another process has it.

        `lost`: another process has it, as far as this one knows, which ran the shard until now. If
        Redis knows of nobody, it has forgotten them, and they are given time as anywhere else.
        """
        if not lost and await self._take_if_free():
            return
        log.info("%s is run by another process; standing by", self._what)
        free_since = None
        while True:
            await asyncio.sleep(LOOK_EVERY)
            try:
                await self._stand_by()
                holder = await self._holder()
                if holder is None:
                    free_since = free_since or _now()
                    is_free = _now() - free_since >= SETTLE
                else:
                    free_since = None
                    is_free = holder == HANDED_OVER
                if is_free and await self._take():
                    log.warning("%s is taken over by this process", self._what)
                    return
            except StoreUnavailable:
                free_since = None

    async def hold(self) -> None:
        """Renew until the shard is not ours any more; then returns."""
        self._ticked = _now()
        ticking = asyncio.create_task(self._tick())
        try:
            await self._keep_renewing()
        finally:
            ticking.cancel()

    async def _keep_renewing(self) -> None:
        began = _now()
        away = False
        while True:
            asked, stopped = _now(), self._stopped()
            self._ticked, self._was_stopped = asked, False
            try:
                answer = await self._renew(stopped)
                if answer <= 0:
                    self._renewed = float("-inf")
                    log.warning("%s %s", self._what, _ANOTHERS[answer])
                    return
                self._contended = answer == 2
                await self._compare()
                self._renewed, away = asked, False
                await self._pause()
            except StoreUnavailable as error:
                self._was_stopped |= stopped  # as Redis has not said what that has come to
                if not away:
                    away = True
                    log.warning("%s; what is to be written waits for it", error)
                if self._contended and _now() - max(began, self._renewed) >= KEPT:
                    log.warning(
                        "%s may have been taken over, as Redis has not been reached for %.0f s",
                        self._what,
                        KEPT,
                    )
                    return
                await asyncio.sleep(ASK_AGAIN)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(VALID / 4)
            self._was_stopped |= self._stopped()
            self._ticked = _now()

    def _stopped(self) -> bool:
        """Whether this process was stopped for longer than it may write, lately: what it knows is
        old then, and somebody may have known better, and be gone. Redis being silent is no stop.
        """
        return self._was_stopped or _now() - self._ticked > VALID

    async def _pause(self) -> None:
        self._doubts.clear()
        if self._renewed > self._doubted:  # else somebody doubted while this was being renewed
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RENEW_EVERY):
                    await self._doubts.wait()

    async def release(self) -> None:
        """Let the one who stands by have it at once; nothing is written from here on."""
        self._renewed = float("-inf")
        try:
            async with self._store.reachable():
                await self._store.redis.eval(_RELEASE, 1, self.key, self.owner, _kept())
        except StoreUnavailable:
            log.debug("the lease of %s runs out by itself", self._what)

    async def _take_if_free(self) -> bool:
        try:
            return await self._take()
        except StoreUnavailable:
            pass
        try:
            return not await self._holder()  # it can be read, and not written
        except StoreUnavailable:
            return True  # Redis may be away for long, and Discord's events should not be missed

    async def _holder(self) -> object:
        async with self._store.reachable():
            return await self._store.redis.get(self.key)

    async def _take(self) -> bool:
        async with self._store.reachable():
            return bool(await self._store.redis.eval(_TAKE, 1, self.key, self.owner, _kept()))

    async def _stand_by(self) -> None:
        async with self._store.reachable():
            await self._store.redis.set(self._standby, self.owner, px=_kept())

    async def _compare(self) -> None:
        epoch, begun = await completeness.generation(self._store, *self.shard)
        before, self.epoch = self.epoch, epoch
        if before not in ("", epoch):
            log.warning("Redis may have lost what it held: writing everyone again")
            self._on_loss()
        elif begun:
            # Redis knew of nobody, and yet somebody may have written in this moment: one who had
            # the shard before it was emptied, and has not heard of that.
            self._rewrite_at = _now() + 2 * VALID
        elif _now() >= self._rewrite_at:
            self._rewrite_at = float("inf")
            log.info("%s was new to Redis: writing everyone once more", self._what)
            self._on_loss()

    async def _renew(self, stopped: bool) -> int:
        async with self._store.reachable():
            answer, *time = await self._store.redis.eval(
                _RENEW, 2, self.key, self._standby, self.owner, _kept(), int(stopped)
            )
        self._store.clock.synchronize(*map(int, time))
        return int(answer)


def _kept() -> int:
    return round(KEPT * 1000)  # milliseconds


def _now() -> float:
    return asyncio.get_running_loop().time()
