"""Looks users up, subscribes to those whom Redis holds, then loads them: how a topic gets its
state, at first and after a disconnect.

One worker takes the pending topics in batches, so that a thousand new subscriptions cost a few
round trips. Clients take turns: one that asks for many users does not delay another. What is
published between the subscription and the load arrives as a message, and the topic's versions put
both in order. The look-up only keeps unknown users from costing a subscription: what it finds is
loaded again after the subscription.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Hashable, Sequence
from itertools import islice
from typing import Protocol

from services.ws.fair_queue import FairQueue
from services.ws.limits import WsLimits
from services.ws.topic import Topic
from shared.model.snapshot import Snapshot
from shared.redis.store import SnapshotDamaged, StoreUnavailable

FindMonitored = Callable[[Sequence[int]], Awaitable[set[int]]]
"""shared.redis.user_lookup.monitored: raises StoreUnavailable."""


class UserSubscriber(Protocol):
    """shared.redis.subscriber.Subscriber, as far as it is needed here."""

    @property
    def connected(self) -> bool: ...

    @property
    def reports_joins(self) -> bool: ...

    @property
    def unreadable(self) -> int:
        """Number of messages that were skipped because they could not be decoded."""

    async def subscribe(self, user_id: int) -> None:
        """Raises StoreUnavailable."""

    def unsubscribe(self, user_id: int) -> None: ...

    async def run(self) -> None:
        """Keep the connection up until cancelled."""


class Snapshots(Protocol):
    """shared.redis.kv_copies.SnapshotsWithKv, as far as it is needed here."""

    async def load_many(
        self, user_ids: Sequence[int], *, with_discord: Collection[int] = ()
    ) -> list[Snapshot | SnapshotDamaged | None]:
        """With the key-value stores. Raises StoreUnavailable."""

    def recovered(self) -> list[int]:
        """Users whose key-value stores could not be read before, and can be now."""


class Loader:
    """Loads the pending topics while `run` runs."""

    def __init__(
        self,
        subscriber: UserSubscriber,
        store: Snapshots,
        find_monitored: FindMonitored,
        limits: WsLimits,
        *,
        on_found: Callable[[Topic], None],
        on_unknown: Callable[[Topic], None],
        on_loaded: Callable[[Topic, Snapshot | None], None],
        on_failed: Callable[[Sequence[Topic]], None],
    ) -> None:
        """`on_found` gets a topic when Redis is known to hold the user, before it is loaded;
        `on_unknown` one whose user it does not hold. The latter is not pending any more.
        `on_loaded` gets each topic that was pending, with None if Redis does not hold the user.
        `on_failed` gets all pending topics when Redis is unreachable, and each topic whose
        snapshot cannot be read.
        """
        self._subscriber = subscriber
        self._store = store
        self._find_monitored = find_monitored
        self._limits = limits
        self._on_found = on_found
        self._on_unknown = on_unknown
        self._on_loaded = on_loaded
        self._on_failed = on_failed
        self.damaged = 0  # snapshots that could not be read
        self._found: dict[Topic, None] = {}  # pending, as Redis has lost or changed them
        self._new: FairQueue[Topic] = FairQueue()  # pending, as clients have asked for them
        self._looking_up: set[Topic] = set()  # and no join of theirs was reported since
        self._loading: set[Topic] = set()
        self._again: set[Topic] = set()  # of `_loading`: what is being loaded may be too old
        self._has_pending = asyncio.Event()
        self._disconnects = 0
        self._connected = asyncio.Event()

    def enqueue(self, topic: Topic, asker: Hashable = None) -> None:
        """`asker`: the client that waits for it. None: no client in particular."""
        if topic.found:
            self._found[topic] = None
        else:
            self._new.add(topic, asker)
        self._has_pending.set()

    def reload(self, topic: Topic, asker: Hashable = None) -> None:
        """Load what Redis holds from now on."""
        if topic in self._loading:
            self._again.add(topic)
        self.enqueue(topic, asker)

    def is_pending(self, topic: Topic) -> bool:
        return topic in self._found or topic in self._new

    def cancel(self, topic: Topic) -> None:
        self._remove(topic)
        self._again.discard(topic)

    def joined(self, topic: Topic) -> None:
        """Redis may hold the user now: what is being looked up may be too old."""
        self._looking_up.discard(topic)

    def on_disconnect(self) -> None:
        self._disconnects += 1
        self._looking_up.clear()
        self._connected.clear()

    def on_reconnect(self) -> None:
        self._connected.set()

    async def run(self) -> None:
        """Until cancelled. A topic whose load failed stays pending until it is cancelled."""
        while True:
            await self._has_pending.wait()
            try:
                async with asyncio.timeout(self._limits.load_within):
                    await self._load_batch()
            except TimeoutError:
                self._on_failed([*self._found, *self._new])
            if not self._found and not self._new:
                self._has_pending.clear()

    def _remove(self, topic: Topic) -> None:
        """It is not pending any more."""
        self._found.pop(topic, None)
        self._new.discard(topic)

    def _next_batch(self) -> list[Topic]:
        """Half of it is for those that Redis held before, as far as there are any."""
        size = self._limits.load_batch
        new = self._new.first(size - min(len(self._found), size // 2))
        return list(dict.fromkeys([*new, *islice(self._found, size - len(new))]))

    async def _load_batch(self) -> None:
        while True:
            await self._connected.wait()
            disconnects = self._disconnects
            batch = self._next_batch()
            if not batch:  # all were cancelled meanwhile
                return
            try:
                batch = await self._look_up(batch)
                if not batch:
                    return
                await asyncio.gather(
                    *(self._subscriber.subscribe(topic.user_id) for topic in batch)
                )
                self._loading = set(batch)
                snapshots = await self._store.load_many(
                    [topic.user_id for topic in batch],
                    with_discord={topic.user_id for topic in batch if topic.lanyard is not None},
                )
            except StoreUnavailable:
                await asyncio.sleep(self._limits.load_again)
                continue
            finally:
                self._loading = set()
            if disconnects != self._disconnects:
                continue  # loaded before the disconnect: messages since then may be missed
            for topic, snapshot in zip(batch, snapshots, strict=True):
                if self.is_pending(topic):
                    self._remove(topic)
                    if topic in self._again:
                        self._again.discard(topic)
                        self.enqueue(topic)
                    if isinstance(snapshot, SnapshotDamaged):
                        self.damaged += 1
                        self._on_failed([topic])  # only this one: the gateway's next save fixes it
                    else:
                        self._on_loaded(topic, snapshot)
            return

    async def _look_up(self, batch: Sequence[Topic]) -> list[Topic]:
        """Those of the batch that Redis holds, or has held. The others are unknown, or, if a join
        was reported meanwhile, stay pending.
        """
        new = [topic for topic in batch if not topic.found]
        if new:
            self._looking_up = set(new)
            monitored = await self._find_monitored([topic.user_id for topic in new])
            for topic in new:
                if not self.is_pending(topic):  # cancelled meanwhile
                    continue
                if topic.user_id in monitored:
                    topic.found = True
                    self._on_found(topic)
                elif topic in self._looking_up:
                    self._remove(topic)
                    self._on_unknown(topic)
        return [topic for topic in batch if topic.found and self.is_pending(topic)]
