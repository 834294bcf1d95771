"""Messages that arrive while Redis is read are not lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, cast

from services.webhooks.delivery import Delivery
from services.webhooks.follower import PresenceFollower
from services.webhooks.limits import WebhookLimits
from shared.model.message import PresenceMessage
from shared.model.snapshot import Snapshot
from shared.redis.store import SnapshotDamaged
from shared.redis.subscriber import UpdateHandler
from shared.webhook_endpoints import Endpoint
from testing.eventually import eventually

ANNA = 1


class Channels:
    """A connection that is up, without messages of its own."""

    connected = True

    def __init__(self, listener: UpdateHandler) -> None:
        self._listener = listener

    async def subscribe(self, user_id: int) -> None: ...

    def unsubscribe(self, user_id: int) -> None: ...

    async def run(self) -> None:
        self._listener.on_reconnect()


class Users:
    """Redis, whose answers the test holds back."""

    is_expired = False

    def __init__(self) -> None:
        self.held: Snapshot | None = Snapshot(5, b"{}", b"a", None, None, frozenset())
        self.read = 0
        self.may_answer = asyncio.Event()

    async def users(self) -> AsyncIterator[list[int]]:
        yield [ANNA]

    async def server_time(self) -> float:
        return 1.0

    async def load_many(self, user_ids: Sequence[int]) -> list[Snapshot | SnapshotDamaged | None]:
        found = self.held
        self.read += 1
        await self.may_answer.wait()
        return [found for _ in user_ids]


class Recorder:
    """What an endpoint would be told."""

    endpoint = Endpoint(url="", label="", secrets=(), users=frozenset(), private=False)
    users: frozenset[int] = frozenset()

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def show(self, user_id: int, version: int, presence: bytes) -> None:
        self.told.append((user_id, version, presence))

    def remove(self, user_id: int, version: int) -> None:
        self.told.append((user_id, version))

    def withhold(self, user_id: int) -> None:
        self.told.append((user_id, "withheld"))

    def wake(self) -> None: ...


async def test_a_user_who_leaves_while_they_are_loaded_is_removed() -> None:
    """Although Redis is not complete, so that a missing user alone would prove nothing."""
    users, recorder = Users(), Recorder()

    async def find_absent(_: Sequence[int]) -> set[int]:
        return set()

    follower = PresenceFollower(Channels, users, find_absent, WebhookLimits())
    follower.add([cast("Delivery", recorder)])
    task = asyncio.create_task(follower.run())
    await eventually(lambda: users.read)
    users.held = None
    follower.updated(ANNA, PresenceMessage(version=6, removed=True))
    users.may_answer.set()
    await eventually(lambda: len(recorder.told) == 2)
    assert recorder.told == [(ANNA, 5, b"a"), (ANNA, 6)]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
