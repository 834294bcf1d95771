"""The changes in a Redis Cluster: each master reports those of its own users."""

from __future__ import annotations

import asyncio

from shared.redis.cluster.topology import ClusterTopology, Slots
from shared.redis.invalidation import VALIDITY_S, InvalidationHandler, InvalidationStream
from shared.redis.url import Address, RedisTarget


class ClusterInvalidationStream:
    """An InvalidationStream to each master while `run` runs. The cache is valid only for as long
    as all of them confirm."""

    def __init__(self, target: RedisTarget, listener: InvalidationHandler) -> None:
        self._listener = listener
        self._cluster = ClusterTopology(target, self._on_slots)
        self._streams: dict[Address, asyncio.Task[None]] = {}
        self._confirmed: dict[Address, float] = {}

    async def run(self) -> None:
        """Until cancelled."""
        try:
            await self._cluster.run()
        finally:
            for stream in self._streams.values():
                stream.cancel()
            await asyncio.gather(*self._streams.values(), return_exceptions=True)

    def confirmed(self, master: Address, until: float) -> None:
        """All changes of this master's users were reported."""
        if master not in self._streams:
            return
        self._confirmed[master] = until
        if len(self._confirmed) == len(self._streams):
            # A slot may have moved, since the last look, to a master without a stream.
            slots_until = self._cluster.asked + VALIDITY_S
            self._listener.confirmed(min(slots_until, *self._confirmed.values()))

    def on_disconnect(self, master: Address) -> None:
        """The connection to this master is lost: maybe it is no master any more."""
        self._confirmed.pop(master, None)
        self._cluster.ask_now()
        self._listener.on_disconnect()

    def _on_slots(self, slots: Slots) -> None:
        self._listener.on_disconnect()
        self._confirmed.clear()
        for master in self._streams.keys() - slots.masters:
            self._streams.pop(master).cancel()
        for master in slots.masters - self._streams.keys():
            stream = InvalidationStream(
                self._cluster.pool(master), _OfMaster(self, master, self._listener)
            )
            self._streams[master] = asyncio.create_task(stream.run())


class _OfMaster:
    """The handler of one master's stream."""

    def __init__(
        self, cluster: ClusterInvalidationStream, master: Address, listener: InvalidationHandler
    ) -> None:
        self._cluster = cluster
        self._master = master
        self.changed = listener.changed
        self.flushed = listener.flushed

    def confirmed(self, until: float) -> None:
        self._cluster.confirmed(self._master, until)

    def on_disconnect(self) -> None:
        self._cluster.on_disconnect(self._master)
