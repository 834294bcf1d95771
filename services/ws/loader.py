"""Subscribe, then load: how a topic comes by its state, first and after every cut.

One worker takes the waiting topics in batches, so that a thousand newcomers cost a few round
trips. What is published between the subscription and the load arrives as a message, and the
topic's versions sort it out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Protocol

from services.ws.limits import WsLimits
from services.ws.topic import Topic
from shared.model.snapshot import Snapshot
from shared.redis.store import SnapshotDamaged, StoreUnavailable


class UserSubscriber(Protocol):
    """shared.redis.subscriber.Subscriber, as far as it is needed here."""

    @property
    def standing(self) -> bool: ...

    @property
    def unreadable(self) -> int:
        """Messages that were left out."""

    async def subscribe(self, user_id: int) -> None:
        """Raises StoreUnavailable."""

    def unsubscribe(self, user_id: int) -> None: ...

    async def run(self) -> None:
        """Hold the line until cancelled."""


class Snapshots(Protocol):
    """shared.redis.store.Store, as far as it is needed here."""

    async def load_many(self, user_ids: Sequence[int]) -> list[Snapshot | SnapshotDamaged | None]:
        """Raises StoreUnavailable."""


class Loader:
    """Loads what is wanted while `run` runs."""

    def __init__(
        self,
        line: UserSubscriber,
        store: Snapshots,
        limits: WsLimits,
        *,
        loaded: Callable[[Topic, Snapshot | None], None],
        failed: Callable[[Sequence[Topic]], None],
    ) -> None:
        """`loaded` gets each topic that was wanted; `failed` all that wait when Redis is away,
        and each of whom it holds no snapshot that can be read.
        """
        self._line = line
        self._store = store
        self._limits = limits
        self._loaded = loaded
        self._failed = failed
        self.damaged = 0  # users who were wanted, and of whom Redis holds no snapshot
        self._wanted: dict[Topic, None] = {}
        self._some = asyncio.Event()
        self._cuts = 0
        self._standing = asyncio.Event()

    def want(self, topic: Topic) -> None:
        self._wanted[topic] = None
        self._some.set()

    def forget(self, topic: Topic) -> None:
        self._wanted.pop(topic, None)

    def cut(self) -> None:
        self._cuts += 1
        self._standing.clear()

    def restored(self) -> None:
        self._standing.set()

    async def run(self) -> None:
        """Until cancelled. A topic whose load failed stays wanted until somebody forgets it."""
        while True:
            await self._some.wait()
            try:
                async with asyncio.timeout(self._limits.load_within):
                    await self._load_batch()
            except TimeoutError:
                self._failed(list(self._wanted))
            if not self._wanted:
                self._some.clear()

    async def _load_batch(self) -> None:
        while True:
            await self._standing.wait()
            cuts = self._cuts
            batch = list(islice(self._wanted, self._limits.load_batch))
            if not batch:  # everyone has left meanwhile
                return
            try:
                await asyncio.gather(*(self._line.subscribe(topic.user_id) for topic in batch))
                snapshots = await self._store.load_many([topic.user_id for topic in batch])
            except StoreUnavailable:
                await asyncio.sleep(self._limits.load_again)
                continue
            if cuts != self._cuts:
                continue  # it was loaded before the cut, and what came since may be missed
            for topic, snapshot in zip(batch, snapshots, strict=True):
                if topic in self._wanted:
                    del self._wanted[topic]
                    if isinstance(snapshot, SnapshotDamaged):
                        self.damaged += 1
                        self._failed([topic])  # alone: the gateway's next save mends it
                    else:
                        self._loaded(topic, snapshot)
            return
