"""A loaded user is subscribed to, or loaded again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from services.ws.limits import WsLimits
from services.ws.loader import Loader
from services.ws.topic import Topic
from shared.model.snapshot import Snapshot
from shared.redis.store import SnapshotDamaged
from testing.eventually import eventually
from tests.ended import ended


class FakeSubscriber:
    """Confirms every subscription at once."""

    connected = True
    unreadable = 0

    async def subscribe(self, user_id: int) -> None: ...

    def unsubscribe(self, user_id: int) -> None: ...

    async def run(self) -> None: ...


class SlowStore:
    """A store that answers when the test says so, with the state of the request."""

    def __init__(self) -> None:
        self.asked: list[asyncio.Future[None]] = []

    async def load_many(self, user_ids: Sequence[int]) -> list[Snapshot | SnapshotDamaged | None]:
        version = len(self.asked) + 1
        self.asked.append(asyncio.get_running_loop().create_future())
        await self.asked[-1]
        return [Snapshot(version, b"{}", b"{}") for _ in user_ids]


async def test_a_snapshot_from_before_a_disconnect_is_dropped() -> None:
    """It lacks what was published during the disconnect."""
    store, loaded = SlowStore(), list[int]()

    def take(topic: Topic, snapshot: Snapshot | None) -> None:
        assert snapshot is not None
        loaded.append(snapshot.version)

    loader = Loader(
        FakeSubscriber(),
        store,
        WsLimits(load_within=60.0),
        on_loaded=take,
        on_failed=lambda _: None,
    )
    task = asyncio.create_task(loader.run())
    loader.on_reconnect()
    loader.enqueue(Topic(1))
    await eventually(lambda: len(store.asked) == 1)
    loader.on_disconnect()
    loader.on_reconnect()
    store.asked[0].set_result(None)
    await eventually(lambda: len(store.asked) == 2)
    assert loaded == []
    store.asked[1].set_result(None)
    await eventually(lambda: loaded)
    assert loaded == [2]
    await ended(task)
