"""Single flight: at most one task per key, however many callers want its result."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class SingleFlight(Generic[Key, Value]):
    """The tasks under way, by key. A task that is done is forgotten: this is no cache.

    A caller that may be cancelled, or that waits with a time limit, has to shield the task
    (`asyncio.shield`, `asyncio.wait`): others wait for it too.
    """

    def __init__(self) -> None:
        self._tasks: dict[Key, asyncio.Task[Value]] = {}

    def __len__(self) -> int:
        """How many tasks are under way."""
        return len(self._tasks)

    def get(self, key: Key) -> asyncio.Task[Value] | None:
        """The task that is under way for this key."""
        return self._tasks.get(key)

    def join(self, key: Key, work: Callable[[], Coroutine[Any, Any, Value]]) -> asyncio.Task[Value]:
        """The task that is under way for this key, else a new one that does `work`."""
        task = self._tasks.get(key)
        if task is None:
            task = self._tasks[key] = asyncio.create_task(work())
            task.add_done_callback(lambda _: self._tasks.pop(key, None))
        return task

    async def close(self) -> None:
        """Cancel all tasks and wait until they have ended."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
