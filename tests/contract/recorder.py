"""A handler that records what a subscriber reports."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from shared.model.message import PresenceMessage
from shared.redis.store import Fields
from shared.redis.subscriber import Subscriber
from testing.eventually import PATIENCE
from tests.ended import ended

USER, GUILD = 161092844126208001, 816976062578688017


class Recorder:
    """An UpdateHandler."""

    def __init__(self) -> None:
        self.events: list[object] = []
        self.joins: list[int] = []
        self._more = asyncio.Event()

    def updated(self, user_id: int, update: PresenceMessage) -> None:
        self._record((user_id, update))

    def joined(self, user_id: int) -> None:
        self.joins.append(user_id)
        self._more.set()

    def on_disconnect(self) -> None:
        self._record("disconnect")

    def on_reconnect(self) -> None:
        self._record("reconnect")

    def on_resync(self) -> None:
        self._record("resync")

    def _record(self, event: object) -> None:
        self.events.append(event)
        self._more.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until an event makes the condition true."""
        async with asyncio.timeout(PATIENCE):
            while not holds():
                self._more.clear()
                await self._more.wait()

    async def reconnected(self) -> None:
        """Wait until the subscriber has connected."""
        await self.until(lambda: "reconnect" in self.events)

    def versions(self) -> list[int]:
        """Of the recorded updates."""
        return [event[1].version for event in self.events if isinstance(event, tuple)]


@asynccontextmanager
async def running(subscriber: Subscriber) -> AsyncIterator[None]:
    """The subscriber runs until the block ends."""
    task = asyncio.create_task(subscriber.run())
    try:
        yield
    finally:
        await ended(task)


def state(presence: int) -> Fields:
    return Fields(b'{"id":"1"}', b'{"status":"%d"}' % presence, b"{}")
