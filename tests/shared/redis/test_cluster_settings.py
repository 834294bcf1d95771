"""Settings in a Redis Cluster."""

from __future__ import annotations

import asyncio

from shared.model.user_settings import UserSettings
from shared.redis.settings_feed import SettingsFeed
from shared.redis.store import Store
from shared.redis.url import parse
from shared.redis.user_settings import UserSettingsStore
from testing.eventually import PATIENCE, eventually
from testing.redis_cluster import RedisCluster
from tests.contract.test_settings_feed import Listener
from tests.ended import ended

USERS = range(161092844126208000, 161092844126208009)


async def test_changes_of_all_slots_are_told_by_any_node() -> None:
    """When that node is gone, another one is asked, and everybody may have changed."""
    async with RedisCluster() as cluster, Store.connect(cluster.url, timeout=PATIENCE) as store:
        settings, listener = UserSettingsStore(store), Listener()
        task = asyncio.create_task(SettingsFeed.connect(cluster.url, listener).run())
        await eventually(lambda: listener.all)
        for user_id in USERS:
            await settings.change(user_id, lambda _: UserSettings(bio="Hi"))
        await eventually(lambda: set(listener.users) == set(USERS))
        assert {one async for batch in settings.users() for one in batch} == set(USERS)
        assert {one.bio for one in [await settings.get(user_id) for user_id in USERS]} == {"Hi"}
        before = listener.all
        [(_, port), *_] = parse(cluster.url).hosts
        [node] = [one for one in cluster.nodes if one.port == port]
        await node.kill()
        await eventually(lambda: listener.all > before)
        await ended(task)
