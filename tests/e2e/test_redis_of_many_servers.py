"""All of Grux on Redis Sentinel and on a Redis Cluster: masters fail while clients watch."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator

import pytest

from shared.redis import keys
from simulator import BOT_ID
from simulator.model import User
from simulator.privacy import Privacy
from testing.eventually import eventually, eventually_async
from testing.redis_cluster import RedisCluster
from testing.redis_sentinels import RedisSentinels
from testing.redis_server import RedisServer
from tests.e2e.stack import FIRST, Stack, Watcher, quiet, running


class Crowd:
    """Users who change again and again, and a client that watches them."""

    def __init__(self, stack: Stack, people: list[str], watcher: Watcher) -> None:
        self._stack = stack
        self.watcher = watcher
        self.people = people
        self._texts = itertools.count()
        self._said: dict[str, str] = {}

    def change(self) -> None:
        """Give each user a new status text."""
        for user_id in self.people:
            text = self._said[user_id] = f"text {next(self._texts)}"
            custom = {"id": "custom", "name": "Custom Status", "type": 4, "state": text}
            self._stack.simulator.world.set_presence(user_id, "online", [custom], {"web": "online"})

    async def is_seen(self) -> None:
        """Wait until the WebSocket and the api show the last text of each user."""
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
    people = sorted(stack.member_ids() - {BOT_ID})[:40]  # the bot's own presence is not sent
    for user_id in people:
        stack.simulator.world.set_privacy(user_id, Privacy())  # some hide their status text
        await stack.shows(user_id, lambda data: True)
    watcher = await stack.watch(*people)
    await eventually(lambda: len(watcher.frames) >= len(people))
    crowd = Crowd(stack, people, watcher)
    crowd.change()
    await crowd.is_seen()
    return crowd


async def changing(crowd: Crowd, until: asyncio.Task[None]) -> None:
    """Keep changing users during the block, and once more after it."""
    while not until.done():
        crowd.change()
        await asyncio.wait([until], timeout=0.1)
    until.result()
    crowd.change()


async def test_sentinels_name_another_master(sentinels: RedisSentinels) -> None:
    """In a planned failover the clients stay connected, and get the current state."""
    async with running(quiet(), redis_url=sentinels.url) as stack:
        crowd = await crowd_of(stack)

        async def swapped() -> None:
            await sentinels.fail_over()
            await eventually_async(lambda: sentinels.is_master(sentinels.second))

        await changing(crowd, asyncio.create_task(swapped()))
        await crowd.is_seen()
        assert crowd.watcher.close_code is None


async def test_the_master_of_the_sentinels_dies(sentinels: RedisSentinels) -> None:
    """Its replica takes over, and what was lost is written again."""
    async with running(quiet(), redis_url=sentinels.url) as stack:
        crowd = await crowd_of(stack)

        async def died() -> None:
            await sentinels.first.kill()
            await eventually_async(lambda: sentinels.is_master(sentinels.second))

        await changing(crowd, asyncio.create_task(died()))
        await crowd.is_seen()
        assert crowd.watcher.close_code is None


async def test_a_master_of_the_cluster_dies_and_a_slot_moves(cluster: RedisCluster) -> None:
    """That master's users are unavailable until the failover; no client is disconnected."""
    async with running(quiet(), redis_url=cluster.url) as stack:
        crowd = await crowd_of(stack)
        key = keys.presence(int(crowd.people[0]))
        source, target = cluster.master_of(key), cluster.another_than(key)
        await changing(crowd, asyncio.create_task(cluster.move_slot(key, source, target)))
        await crowd.is_seen()
        await changing(crowd, asyncio.create_task(lost(cluster, target)))
        await crowd.is_seen()
        assert crowd.watcher.close_code is None
        await newcomers_are_seen(stack)


async def newcomers_are_seen(stack: Stack) -> None:
    """Whichever master they belong to: ws has just been told that they are not monitored."""
    newcomers = [str(1138383128625152001 + number) for number in range(8)]
    strangers = await stack.watch(*newcomers)
    await eventually(lambda: len(strangers.frames) >= len(newcomers))
    assert {frame["op"] for frame in strangers.frames} == {"error"}
    for user_id in newcomers:
        stack.simulator.world.add_member(FIRST, User(id=user_id, username="newbie"))
    for user_id in newcomers:
        await stack.shows(user_id, lambda data: True)
    watcher = await stack.watch(*newcomers)
    await eventually(lambda: len(watcher.frames) >= len(newcomers))
    assert {frame["op"] for frame in watcher.frames} == {"initial_data"}


async def lost(cluster: RedisCluster, master: RedisServer) -> None:
    await master.kill()
    await eventually_async(lambda: cluster.is_well_without(master))
