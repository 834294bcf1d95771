"""A listener to the feed, and what it may hear."""

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


class Heard:
    """A listener that remembers, and wakes whoever waits for more."""

    def __init__(self) -> None:
        self.events: list[object] = []
        self._more = asyncio.Event()

    def updated(self, user_id: int, update: PresenceMessage) -> None:
        self._hear((user_id, update))

    def cut(self) -> None:
        self._hear("cut")

    def restored(self) -> None:
        self._hear("restored")

    def written_anew(self) -> None:
        self._hear("written anew")

    def _hear(self, event: object) -> None:
        self.events.append(event)
        self._more.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not holds():
                self._more.clear()
                await self._more.wait()

    def versions(self) -> list[int]:
        return [event[1].version for event in self.events if isinstance(event, tuple)]


@asynccontextmanager
async def running(line: Subscriber) -> AsyncIterator[None]:
    task = asyncio.create_task(line.run())
    try:
        yield
    finally:
        await ended(task)


def state(presence: int) -> Fields:
    return Fields(b'{"id":"1"}', b'{"status":"%d"}' % presence, b"{}")
