"""The feed of a Redis Cluster: a line to each master, for the users whose slots it has.

What a master publishes reaches whoever listens to it at once, so a line to the user's own master
is as good as a line to a single Redis. Since Redis 7 it need not tell the others (sharded pub/sub).
"""

from __future__ import annotations

import asyncio

from redis.asyncio import Redis

from shared.model.message import PresenceMessage
from shared.redis.cluster.topology import ClusterTopology, Slots
from shared.redis.store import StoreUnavailable
from shared.redis.subscriber import Subscriber, UpdateHandler
from shared.redis.url import Address, RedisTarget


class ClusterSubscriber:
    """shared.redis.subscriber.Subscriber, over all masters."""

    def __init__(self, place: RedisTarget, listener: UpdateHandler) -> None:
        self._listener = listener
        self._cluster = ClusterTopology(place, self._moved)
        self._lines: dict[Address, Subscriber] = {}
        self._tasks: dict[Address, asyncio.Task[None]] = {}
        self._users: dict[int, Address] = {}
        self._standing = False
        self._unreadable = 0  # on lines that are gone

    @property
    def standing(self) -> bool:
        """Whether every update of a confirmed subscription arrives now."""
        return self._standing

    @property
    def unreadable(self) -> int:
        """Messages that nobody of ours can have sent."""
        return self._unreadable + sum(line.unreadable for line in self._lines.values())

    async def subscribe(self, user_id: int) -> None:
        """As Subscriber.subscribe."""
        master = self._cluster.slots.owner(user_id)
        if master is None or not self._standing:
            raise StoreUnavailable("the line to Redis is cut")
        self._users[user_id] = master
        try:
            await self._lines[master].subscribe(user_id)
        except StoreUnavailable:
            self._users.pop(user_id, None)
            raise

    def unsubscribe(self, user_id: int) -> None:
        """As Subscriber.unsubscribe."""
        master = self._users.pop(user_id, None)
        if master is not None:
            self._lines[master].unsubscribe(user_id)

    async def run(self) -> None:
        """Hold the lines until cancelled."""
        try:
            await self._cluster.run()
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def updated(self, user_id: int, update: PresenceMessage) -> None:
        """A line has heard it."""
        if user_id in self._users:
            self._listener.updated(user_id, update)

    def cut(self) -> None:
        """A line is: maybe as its server is no master any more."""
        self._cluster.ask_now()
        self._fall()

    def restored(self) -> None:
        """A line is; maybe it was the last of them."""
        standing = bool(self._lines) and all(line.standing for line in self._lines.values())
        if standing and not self._standing:
            self._standing = True
            self._listener.restored()

    def written_anew(self) -> None:
        """A master has told so, for all of them."""
        if self._standing:
            self._listener.written_anew()

    def _moved(self, slots: Slots) -> None:
        """Whoever moved is followed at their new master; what was said meanwhile may be missed."""
        self._fall()
        for master in slots.masters - self._lines.keys():
            self._lines[master] = Subscriber(
                Redis.from_pool(self._cluster.line(master)), self, of_cluster=True
            )
            self._tasks[master] = asyncio.create_task(self._lines[master].run())
        arrived: dict[Address, set[int]] = {}
        for user_id, master in self._users.items():
            owner = slots.owner(user_id)
            if owner is not None and owner != master:
                self._lines[master].unsubscribe(user_id)
                self._users[user_id] = owner
                arrived.setdefault(owner, set()).add(user_id)
        for master, users in arrived.items():
            self._lines[master].take_over(users)
        for master in self._lines.keys() - slots.masters:
            self._unreadable += self._lines.pop(master).unreadable
            self._tasks.pop(master).cancel()
        self.restored()

    def _fall(self) -> None:
        if self._standing:
            self._standing = False
            self._listener.cut()
