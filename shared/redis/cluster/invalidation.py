"""InvalidationStream over a Redis Cluster: each master tells of its own users' changes."""

from __future__ import annotations

import asyncio

from shared.redis.cluster.topology import ClusterTopology, Slots
from shared.redis.invalidation import TRUE_FOR, InvalidationHandler, InvalidationStream
from shared.redis.url import Address, RedisTarget


class ClusterInvalidationStream:
    """Holds a line to each master while `run` runs; proves what all of them prove."""

    def __init__(self, place: RedisTarget, listener: InvalidationHandler) -> None:
        self._listener = listener
        self._cluster = ClusterTopology(place, self._moved)
        self._lines: dict[Address, asyncio.Task[None]] = {}
        self._proved: dict[Address, float] = {}

    async def run(self) -> None:
        """Until cancelled."""
        try:
            await self._cluster.run()
        finally:
            for line in self._lines.values():
                line.cancel()
            await asyncio.gather(*self._lines.values(), return_exceptions=True)

    def proved(self, master: Address, until: float) -> None:
        """Every change of this master's users is told."""
        if master not in self._lines:
            return
        self._proved[master] = until
        if len(self._proved) == len(self._lines):
            # A slot may have moved to a master that nobody listens to, unseen since the last look.
            seen_until = self._cluster.asked + TRUE_FOR
            self._listener.proved(min(seen_until, *self._proved.values()))

    def cut(self, master: Address) -> None:
        """This line is cut: maybe as its server is no master any more."""
        self._proved.pop(master, None)
        self._cluster.ask_now()
        self._listener.cut()

    def _moved(self, slots: Slots) -> None:
        self._listener.cut()
        self._proved.clear()
        for master in self._lines.keys() - slots.masters:
            self._lines.pop(master).cancel()
        for master in slots.masters - self._lines.keys():
            line = InvalidationStream(
                self._cluster.line(master), _Part(self, master, self._listener)
            )
            self._lines[master] = asyncio.create_task(line.run())


class _Part:
    """What one line says, to all of them."""

    def __init__(
        self, whole: ClusterInvalidationStream, master: Address, listener: InvalidationHandler
    ) -> None:
        self._whole = whole
        self._master = master
        self.changed = listener.changed
        self.flushed = listener.flushed

    def proved(self, until: float) -> None:
        self._whole.proved(self._master, until)

    def cut(self) -> None:
        self._whole.cut(self._master)
