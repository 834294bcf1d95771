"""Which users of a Redis Cluster are watched."""

from __future__ import annotations

import asyncio

from shared.model.message import PresenceMessage
from shared.redis import keys
from shared.redis.factory import follow
from shared.redis.store import Store
from shared.redis.watched import watched
from testing.eventually import PATIENCE, eventually
from testing.redis_cluster import RedisCluster
from tests.ended import ended

USERS = range(161092844126208000, 161092844126208030)


class Ignorant:
    """An UpdateHandler that does nothing."""

    def updated(self, user_id: int, update: PresenceMessage) -> None: ...

    def joined(self, user_id: int) -> None: ...

    def on_disconnect(self) -> None: ...

    def on_reconnect(self) -> None: ...

    def on_resync(self) -> None: ...


async def test_each_master_is_asked_for_its_own_users() -> None:
    """Also after a slot has moved to another master, where the subscriptions have followed it."""
    followed = list(USERS)[::3]
    key = keys.presence(followed[0])
    async with RedisCluster() as cluster, Store.connect(cluster.url, timeout=PATIENCE) as store:
        subscriber = follow(cluster.url, Ignorant())
        task = asyncio.create_task(subscriber.run())
        await eventually(lambda: subscriber.connected)
        for user_id in followed:
            await subscriber.subscribe(user_id)
        assert len({cluster.master_of(keys.presence(user_id)) for user_id in followed}) == 3
        assert await watched(store, list(USERS)) == followed
        await cluster.move_slot(key, cluster.master_of(key), cluster.another_than(key))
        found: list[int] = []
        async with asyncio.timeout(PATIENCE):
            while found != followed:
                found = await watched(store, list(USERS))
        await ended(task)
