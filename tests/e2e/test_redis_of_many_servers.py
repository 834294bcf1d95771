"""Everything on Redis Sentinel and on a Redis Cluster: masters go while people watch."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator

import pytest

from shared.redis import keys
from simulator import BOT_ID
from testing.eventually import eventually, eventually_async
from testing.redis_cluster import RedisCluster
from testing.redis_sentinels import RedisSentinels
from testing.redis_server import RedisServer
from tests.e2e.stack import Stack, Watcher, quiet, running


class Crowd:
    """Everybody, changed again and again, and watched all the while."""

    def __init__(self, stack: Stack, people: list[str], watcher: Watcher) -> None:
        self._stack = stack
        self.watcher = watcher
        self.people = people
        self._texts = itertools.count()
        self._said: dict[str, str] = {}

    def change(self) -> None:
        """Each of them says something new."""
        for user_id in self.people:
            text = self._said[user_id] = f"text {next(self._texts)}"
            custom = {"id": "custom", "name": "Custom Status", "type": 4, "state": text}
            self._stack.simulator.world.set_presence(user_id, "online", [custom], {"web": "online"})

    async def is_seen(self) -> None:
        """Wait until the socket and the api show what each of them said last."""
        await eventually(lambda: all(self._shown(user_id) for user_id in self.people))
        await eventually_async(self._answered)

    def _shown(self, user_id: str) -> bool:
        custom = self.watcher.last(user_id).get("custom_status")
        return bool(custom and custom["text"] == self._said[user_id])

    async def _answered(self) -> bool:
        for user_id in self.people:
            status, body = await self._stack.get(f"/activity/{user_id}")
            custom = body["data"]["custom_status"] if status == 200 else None
            if custom is None or custom["text"] != self._said[user_id]:
                return False
        return True


@pytest.fixture
async def sentinels() -> AsyncIterator[RedisSentinels]:
    async with RedisSentinels() as sentinels:
        yield sentinels


@pytest.fixture
async def cluster() -> AsyncIterator[RedisCluster]:
    async with RedisCluster() as cluster:
        yield cluster


async def crowd_of(stack: Stack) -> Crowd:
    people = sorted(stack.everybody() - {BOT_ID})[:40]  # nobody is told of the bot's presence
    for user_id in people:
        await stack.shows(user_id, lambda data: True)
    watcher = await stack.watch(*people)
    await eventually(lambda: len(watcher.frames) >= len(people))
    crowd = Crowd(stack, people, watcher)
    crowd.change()
    await crowd.is_seen()
    return crowd


async def changing(crowd: Crowd, until: asyncio.Task[None]) -> None:
    """Changes go on while something happens to Redis, and one more comes afterwards."""
    while not until.done():
        crowd.change()
        await asyncio.wait([until], timeout=0.1)
    until.result()
    crowd.change()


async def test_sentinels_name_another_master(sentinels: RedisSentinels) -> None:
    """In good order: the watchers stay, and hold the truth."""
    async with running(quiet(), redis_url=sentinels.url) as stack:
        crowd = await crowd_of(stack)

        async def swapped() -> None:
            await sentinels.fail_over()
            await eventually_async(lambda: sentinels.is_master(sentinels.second))

        await changing(crowd, asyncio.create_task(swapped()))
        await crowd.is_seen()
        assert crowd.watcher.close_code is None


async def test_the_master_of_the_sentinels_dies(sentinels: RedisSentinels) -> None:
    """Its replica takes over, and what was lost with it is written again."""
    async with running(quiet(), redis_url=sentinels.url) as stack:
        crowd = await crowd_of(stack)

        async def died() -> None:
            await sentinels.first.kill()
            await eventually_async(lambda: sentinels.is_master(sentinels.second))

        await changing(crowd, asyncio.create_task(died()))
        await crowd.is_seen()
        assert crowd.watcher.close_code is None


async def test_a_master_of_the_cluster_dies_and_a_slot_moves(cluster: RedisCluster) -> None:
    """The users of that master are away for as long as the cluster needs; nobody is cut off."""
    async with running(quiet(), redis_url=cluster.url) as stack:
        crowd = await crowd_of(stack)
        key = keys.presence(int(crowd.people[0]))
        source, target = cluster.master_of(key), cluster.another_than(key)
        await changing(crowd, asyncio.create_task(cluster.move_slot(key, source, target)))
        await crowd.is_seen()
        await changing(crowd, asyncio.create_task(lost(cluster, target)))
        await crowd.is_seen()
        assert crowd.watcher.close_code is None


async def lost(cluster: RedisCluster, master: RedisServer) -> None:
    await master.kill()
    await eventually_async(lambda: cluster.is_well_without(master))
