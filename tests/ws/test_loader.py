"""A loaded user is looked up and subscribed to, or loaded again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager

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
    reports_joins = True
    unreadable = 0

    def __init__(self) -> None:
        self.subscribed: list[int] = []

    async def subscribe(self, user_id: int) -> None:
        self.subscribed.append(user_id)

    def unsubscribe(self, user_id: int) -> None: ...

    async def run(self) -> None: ...


class SlowStore:
    """A store that answers when the test says so, with the state of the request."""

    def __init__(self) -> None:
        self.monitored: set[int] = {1}
        self.lookups: list[asyncio.Future[None]] = []
        self.asked: list[asyncio.Future[None]] = []

    async def find_monitored(self, user_ids: Sequence[int]) -> set[int]:
        found = self.monitored & set(user_ids)
        self.lookups.append(asyncio.get_running_loop().create_future())
        await self.lookups[-1]
        return found

    def recovered(self) -> list[int]:
        return []

    async def load_many(
        self, user_ids: Sequence[int], *, with_discord: Collection[int] = ()
    ) -> list[Snapshot | SnapshotDamaged | None]:
        version = len(self.asked) + 1
        self.asked.append(asyncio.get_running_loop().create_future())
        await self.asked[-1]
        return [Snapshot(version, b"{}", b"{}") for _ in user_ids]


class Loading:
    """A running loader, and what it has reported."""

    def __init__(self) -> None:
        self.store = SlowStore()
        self.subscriber = FakeSubscriber()
        self.loaded: list[int] = []
        self.found: list[int] = []
        self.unknown: list[int] = []
        self.loader = Loader(
            self.subscriber,
            self.store,
            self.store.find_monitored,
            WsLimits(load_within=60.0),
            on_found=lambda topic: self.found.append(topic.user_id),
            on_unknown=lambda topic: self.unknown.append(topic.user_id),
            on_loaded=self._on_loaded,
            on_failed=lambda _: None,
        )

    def _on_loaded(self, _: Topic, snapshot: Snapshot | None) -> None:
        assert snapshot is not None
        self.loaded.append(snapshot.version)

    async def look_up(self, number: int) -> None:
        """The look-up with this number is answered."""
        await eventually(lambda: len(self.store.lookups) == number)
        self.store.lookups[-1].set_result(None)


@asynccontextmanager
async def loading() -> AsyncIterator[Loading]:
    one = Loading()
    task = asyncio.create_task(one.loader.run())
    one.loader.on_reconnect()
    yield one
    await ended(task)


async def test_a_snapshot_from_before_a_disconnect_is_dropped() -> None:
    """It lacks what was published during the disconnect."""
    async with loading() as one:
        store = one.store
        one.loader.enqueue(Topic(1))
        await one.look_up(1)
        await eventually(lambda: len(store.asked) == 1)
        one.loader.on_disconnect()
        one.loader.on_reconnect()
        store.asked[0].set_result(None)
        await eventually(lambda: len(store.asked) == 2)
        assert one.loaded == []
        store.asked[1].set_result(None)
        await eventually(lambda: one.loaded)
        assert one.loaded == [2]
        assert len(store.lookups) == 1  # once found is enough


async def test_an_unknown_user_costs_no_subscription() -> None:
    """Those of the same batch whom Redis holds are subscribed to, and loaded."""
    async with loading() as one:
        for user_id in (2, 1, 3):
            one.loader.enqueue(Topic(user_id))
        await one.look_up(1)
        await eventually(lambda: one.store.asked)
        assert (one.unknown, one.found, one.subscriber.subscribed) == ([2, 3], [1], [1])


async def test_a_join_during_the_look_up_is_not_missed() -> None:
    """The answer may be from before it, so Redis is asked again."""
    async with loading() as one:
        topic = Topic(2)
        one.loader.enqueue(topic)
        await eventually(lambda: one.store.lookups)
        one.store.monitored.add(2)
        one.loader.joined(topic)
        await one.look_up(1)
        await one.look_up(2)
        await eventually(lambda: one.store.asked)
        assert (one.unknown, one.subscriber.subscribed) == ([], [2])


async def test_a_look_up_from_before_a_disconnect_is_repeated() -> None:
    """A join during the disconnect is not reported."""
    async with loading() as one:
        one.loader.enqueue(Topic(2))
        await eventually(lambda: one.store.lookups)
        one.loader.on_disconnect()
        one.store.monitored.add(2)
        one.loader.on_reconnect()
        await one.look_up(1)
        await one.look_up(2)
        await eventually(lambda: one.store.asked)
        assert one.unknown == []


async def test_a_user_whose_clients_have_gone_is_not_reported() -> None:
    """Cancelled during the look-up: neither found, nor unknown, nor subscribed to."""
    async with loading() as one:
        topics = [Topic(1), Topic(2)]
        for topic in topics:
            one.loader.enqueue(topic)
        await eventually(lambda: one.store.lookups)
        for topic in topics:
            one.loader.cancel(topic)
        await one.look_up(1)
        one.loader.enqueue(Topic(3))
        await one.look_up(2)
        await eventually(lambda: one.unknown)
        assert (one.unknown, one.found, one.subscriber.subscribed) == ([3], [], [])


async def test_clients_with_many_users_do_not_delay_another() -> None:
    """They take turns: 200 clients with 50 unknown users each have one looked up before it."""
    async with loading() as one:
        for user_id in range(1000, 11_000):
            one.loader.enqueue(Topic(user_id), user_id % 200)
        one.loader.enqueue(Topic(1), "newcomer")
        await one.look_up(1)
        await one.look_up(2)
        await eventually(lambda: one.store.asked)
        assert one.found == [1]


async def test_new_users_have_half_of_each_batch_after_a_disconnect() -> None:
    """While all others are loaded again, newcomers are served, and the other way round."""
    async with loading() as one:
        new, known = [[Topic(first + number) for number in range(500)] for first in (1, 1001)]
        one.store.monitored = {topic.user_id for topic in new}
        for topic in known:
            topic.found = True
            one.loader.enqueue(topic)
        for topic in new:
            one.loader.enqueue(topic, topic)
        await one.look_up(1)
        await eventually(lambda: one.store.asked)
        assert len(one.found) == 64
        assert len(one.subscriber.subscribed) == 128
