"""Updates from a Redis Cluster: a connection to each master, for the users in its slots.

A master sends what it publishes to its own subscribers at once, so a connection to the user's
master is as good as one to a single Redis. Since Redis 7 the other masters need not be told
(sharded pub/sub).
"""

from __future__ import annotations

import asyncio

from shared.model.message import PresenceMessage
from shared.redis.cluster.topology import ClusterTopology, Slots
from shared.redis.store import StoreUnavailable
from shared.redis.subscriber import Subscriber, UpdateHandler
from shared.redis.url import Address, RedisTarget


class ClusterSubscriber:
    """shared.redis.subscriber.Subscriber, over all masters. It is the handler of each of them."""

    def __init__(self, target: RedisTarget, listener: UpdateHandler) -> None:
        self._listener = listener
        self._cluster = ClusterTopology(target, self._on_slots)
        self._subscribers: dict[Address, Subscriber] = {}
        self._tasks: dict[Address, asyncio.Task[None]] = {}
        self._users: dict[int, Address | None] = {}  # None: the slot has no master now
        self._connected = False
        self._unreadable = 0  # of masters that are gone

    @property
    def connected(self) -> bool:
        """Whether all wanted users are subscribed, so that every update of theirs arrives."""
        return self._connected

    @property
    def unreadable(self) -> int:
        """Messages that no gateway can have published."""
        return self._unreadable + sum(one.unreadable for one in self._subscribers.values())

    @property
    def reports_joins(self) -> bool:
        """As Subscriber.reports_joins, of all users."""
        return self._connected and all(one.reports_joins for one in self._subscribers.values())

    async def subscribe(self, user_id: int) -> None:
        """As Subscriber.subscribe."""
        master = self._cluster.slots.owner(user_id)
        if master is None or not self._connected:
            raise StoreUnavailable("the connection to Redis is lost")
        self._users[user_id] = master
        try:
            await self._subscribers[master].subscribe(user_id)
        except StoreUnavailable:
            self.unsubscribe(user_id)  # where it is wanted now: its slot may have moved meanwhile
            raise

    def unsubscribe(self, user_id: int) -> None:
        """As Subscriber.unsubscribe."""
        master = self._users.pop(user_id, None)
        if master is not None:
            self._subscribers[master].unsubscribe(user_id)

    async def run(self) -> None:
        """Hold the connections until cancelled."""
        try:
            await self._cluster.run()
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def updated(self, user_id: int, update: PresenceMessage) -> None:
        """A message arrived at one of the subscribers."""
        if user_id in self._users:
            self._listener.updated(user_id, update)

    def joined(self, user_id: int) -> None:
        """A user of one of the masters may have become monitored."""
        self._listener.joined(user_id)

    def on_disconnect(self) -> None:
        """One connection is lost: maybe its server is no master any more."""
        self._cluster.ask_now()
        self._disconnect()

    def on_reconnect(self) -> None:
        """One subscriber is connected again; it may be the last that was missing."""
        connected = bool(self._subscribers) and all(
            subscriber.connected for subscriber in self._subscribers.values()
        )
        if connected and not self._connected:
            self._connected = True
            self._listener.on_reconnect()

    def on_resync(self) -> None:
        """One master has reported it, for all of them."""
        if self._connected:
            self._listener.on_resync()

    def _on_slots(self, slots: Slots) -> None:
        """Follow users whose slot has moved at the new master. Updates meanwhile may be missed."""
        self._disconnect()
        for master in slots.masters - self._subscribers.keys():
            self._subscribers[master] = Subscriber(
                self._cluster.pool(master), self, in_cluster=True
            )
            self._tasks[master] = asyncio.create_task(self._subscribers[master].run())
        arrived: dict[Address, set[int]] = {}
        for user_id, former in self._users.items():
            owner = slots.owner(user_id)
            if owner == former or (owner is None and former in slots.masters):
                continue
            if former is not None:
                self._subscribers[former].unsubscribe(user_id)
            self._users[user_id] = owner
            if owner is not None:
                arrived.setdefault(owner, set()).add(user_id)
        for master, users in arrived.items():
            self._subscribers[master].take_over(users)
        for master in self._subscribers.keys() - slots.masters:
            self._unreadable += self._subscribers.pop(master).unreadable
            self._tasks.pop(master).cancel()
        self.on_reconnect()

    def _disconnect(self) -> None:
        if self._connected:
            self._connected = False
            self._listener.on_disconnect()
