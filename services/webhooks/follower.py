"""Keeps the outboxes of all endpoints equal to Redis.

A message says only that a user has changed: what is sent is loaded from Redis after it. So the
order of messages and loads does not matter, and whatever is sent was true when it was loaded.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from itertools import islice
from typing import Protocol

from msgspec import UNSET

from services.webhooks.delivery import Delivery
from services.webhooks.limits import WebhookLimits
from shared.model.message import PresenceMessage
from shared.model.snapshot import Snapshot
from shared.redis.store import SnapshotDamaged, StoreUnavailable
from shared.redis.subscriber import UpdateHandler

log = logging.getLogger(__name__)


class UserChannels(Protocol):
    """shared.redis.subscriber.Subscriber, as far as it is needed here."""

    @property
    def connected(self) -> bool: ...

    async def subscribe(self, user_id: int) -> None:
        """Raises StoreUnavailable."""

    def unsubscribe(self, user_id: int) -> None: ...

    async def run(self) -> None:
        """Keep the connection up until cancelled."""


class MonitoredUsers(Protocol):
    """shared.redis.store.Store, as far as it is needed here. All raise StoreUnavailable."""

    @property
    def is_expired(self) -> bool: ...

    def users(self) -> AsyncIterator[list[int]]: ...

    async def server_time(self) -> float:
        """Redis' clock: seconds since 1970."""

    async def load_many(
        self, user_ids: Sequence[int]
    ) -> list[Snapshot | SnapshotDamaged | None]: ...


FindAbsent = Callable[[Sequence[int]], Awaitable[set[int]]]
"""shared.redis.completeness.absent: raises StoreUnavailable."""


class PresenceFollower:
    """Follows the users whom some endpoint wants, while `run` runs."""

    def __init__(
        self,
        connect: Callable[[UpdateHandler], UserChannels],
        store: MonitoredUsers,
        find_absent: FindAbsent,
        limits: WebhookLimits,
    ) -> None:
        self.current = False  # whether the outboxes are equal to Redis
        self._subscriber = connect(self)
        self._store = store
        self._find_absent = find_absent
        self._limits = limits
        self._deliveries: tuple[Delivery, ...] = ()
        self._named: frozenset[int] | None = frozenset()  # None: every monitored user is wanted
        self._dirty: dict[int, None] = {}  # to be loaded
        self._followed: set[int] = set()  # shown to the endpoints; the others are not monitored
        self._left: dict[int, int] = {}  # who is not monitored any more, by the message's version
        self._unsure: set[int] = set()  # Redis does not hold them, and may have lost them
        self._losses = 0
        self._scanned = False
        self._wake = asyncio.Event()

    @property
    def users(self) -> int:
        """Number of monitored users that are followed. May be called from any thread."""
        return len(self._followed)

    def add(self, deliveries: Sequence[Delivery]) -> None:
        """Keep these equal to Redis from now on, with the users whom they know already."""
        self._deliveries = tuple(deliveries)
        named: set[int] = set()
        for delivery in deliveries:
            named |= delivery.endpoint.users
            self._mark(delivery.users)
        self._mark(named)
        wants_all = not all(delivery.endpoint.users for delivery in deliveries)
        self._named = None if wants_all else frozenset(named)

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._subscriber.run())
            tasks.create_task(self._load())
            tasks.create_task(self._rescan())
            tasks.create_task(self._reconsider())

    def updated(self, user_id: int, update: PresenceMessage) -> None:
        if update.removed:
            self._left[user_id] = update.version
        else:
            self._left.pop(user_id, None)
        if update.removed or update.presence is not UNSET:
            self._mark([user_id])

    def joined(self, user_id: int) -> None:
        if user_id not in self._followed and self._is_wanted(user_id):
            self._mark([user_id])

    def on_disconnect(self) -> None:
        self.current = False
        self._losses += 1

    def on_reconnect(self) -> None:
        log.info("webhooks: following Redis")
        self._reload()

    def on_resync(self) -> None:
        self._reload()

    def on_expired(self) -> None:
        """No gateway has been there for too long: nobody counts as monitored."""
        self._reload()

    def on_returned(self) -> None:
        """A gateway is back, and what Redis holds counts again."""
        self._reload()

    def _reload(self) -> None:
        self.current = False
        self._losses += 1
        self._scanned = False
        self._mark(self._followed)
        self._mark(self._unsure)

    def _is_wanted(self, user_id: int) -> bool:
        return self._named is None or user_id in self._named

    def _mark(self, user_ids: Sequence[int] | set[int] | frozenset[int]) -> None:
        self._dirty.update(dict.fromkeys(user_ids))
        self._wake.set()

    async def _load(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._catch_up()
            except StoreUnavailable:
                await asyncio.sleep(self._limits.redis_retry_s)
                self._wake.set()

    async def _catch_up(self) -> None:
        """Raises StoreUnavailable. Without a connection nothing is done: `on_reconnect` follows."""
        if not self._subscriber.connected:
            return
        losses = self._losses
        if not self._scanned:
            await self._scan()
        while self._dirty:
            await self._load_batch(list(islice(self._dirty, self._limits.load_batch)))
        if losses == self._losses and not self.current:
            self.current = True
            for delivery in self._deliveries:
                delivery.wake()

    async def _scan(self) -> None:
        """Find the users whom no message has reported."""
        self._scanned = True
        try:
            if self._named is not None:
                self._mark(self._named - self._followed)
            else:
                async for batch in self._store.users():
                    self._mark(set(batch) - self._followed)
        except StoreUnavailable:
            self._scanned = False
            raise

    async def _load_batch(self, batch: Sequence[int]) -> None:
        await asyncio.gather(*(self._subscriber.subscribe(user_id) for user_id in batch))
        for user_id in batch:  # a message from now on marks the user again
            del self._dirty[user_id]
        try:
            snapshots = await self._store.load_many(batch)
            found = dict(zip(batch, snapshots, strict=True))
            missing = [user_id for user_id, snapshot in found.items() if snapshot is None]
            gone = await self._gone(missing)
        except StoreUnavailable:
            self._mark(batch)
            raise
        for user_id, snapshot in found.items():
            if snapshot is not None:
                self._show(user_id, snapshot)
            elif user_id in gone:
                self._remove(user_id, gone[user_id])
            else:
                self._unsure.add(user_id)
                for delivery in self._deliveries:
                    delivery.withhold(user_id)

    async def _gone(self, missing: Sequence[int]) -> dict[int, int]:
        """Those whom Redis does not hold, and has not only lost; and the version of their removal.

        It is by Redis' clock, as the versions of states are: receivers put both in order.
        """
        gone = {user_id: self._left[user_id] for user_id in missing if user_id in self._left}
        rest = [user_id for user_id in missing if user_id not in gone]
        if rest:
            absent = rest if self._store.is_expired else await self._find_absent(rest)
            if absent:  # so Redis is complete, and the others are gone as well
                gone |= dict.fromkeys(absent, round(await self._store.server_time() * 1e6))
                self._mark(self._unsure)
        return gone

    def _show(self, user_id: int, snapshot: Snapshot | SnapshotDamaged) -> None:
        if isinstance(snapshot, SnapshotDamaged):
            for delivery in self._deliveries:  # the gateway's next save repairs it
                delivery.withhold(user_id)
            return
        if self._left.get(user_id, 0) < snapshot.version:  # else they left while it was loaded
            self._left.pop(user_id, None)
        self._unsure.discard(user_id)
        self._followed.add(user_id)
        for delivery in self._deliveries:
            delivery.show(user_id, snapshot.version, snapshot.presence)

    def _remove(self, user_id: int, version: int) -> None:
        self._left.pop(user_id, None)
        self._unsure.discard(user_id)
        self._followed.discard(user_id)
        if self._named is None:  # a user who joins is reported, and is followed again
            self._subscriber.unsubscribe(user_id)
        for delivery in self._deliveries:
            delivery.remove(user_id, version)

    async def _rescan(self) -> None:
        while True:
            await asyncio.sleep(self._limits.scan_interval_s)
            self._scanned = False
            self._wake.set()

    async def _reconsider(self) -> None:
        """A gateway writes again whom Redis has lost, which is reported as any change is. When it
        has written all users, it says so in Redis: some of those that are missing are enough to
        find that out."""
        while True:
            await asyncio.sleep(self._limits.unsure_interval_s)
            self._mark(list(islice(self._unsure, self._limits.load_batch)))
