"""Deadlines of many connections, checked together: no timer and no task for each of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Generic, TypeVar

Owner = TypeVar("Owner")


class Deadlines(Generic[Owner]):
    """At most one deadline for each owner.

    A server uses few different durations at a time. The deadlines of one duration expire in the
    order in which they were set, so a look at the first of each queue finds all that have expired.
    """

    def __init__(self) -> None:
        self._queues: dict[float, dict[Owner, float]] = {}  # by duration; loop time of expiry
        self._queue_of: dict[Owner, dict[Owner, float]] = {}

    def __len__(self) -> int:
        """How many owners have a deadline."""
        return len(self._queue_of)

    def set(self, owner: Owner, seconds: float) -> None:
        """Expire so many seconds from now. Replaces the owner's earlier deadline."""
        earlier = self._queue_of.get(owner)
        if earlier is not None:
            del earlier[owner]
        queue = self._queues.get(seconds)
        if queue is None:
            queue = self._queues[seconds] = {}
        queue[owner] = asyncio.get_running_loop().time() + seconds
        self._queue_of[owner] = queue

    def clear(self, owner: Owner) -> None:
        """Forget the owner's deadline, if it has one."""
        queue = self._queue_of.pop(owner, None)
        if queue is not None:
            del queue[owner]

    def expired(self) -> Iterator[Owner]:
        """Owners whose deadline has passed. Each is forgotten as it is given out."""
        now = asyncio.get_running_loop().time()
        for seconds, queue in tuple(self._queues.items()):
            while queue:
                owner, expires = next(iter(queue.items()))
                if expires > now:
                    break
                self.clear(owner)
                yield owner
            if not queue:  # some durations are random: each is used once
                del self._queues[seconds]
