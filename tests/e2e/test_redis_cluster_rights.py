"""The ACL files of deploy/redis, on the nodes of a Redis Cluster."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from shared.redis import keys
from simulator.model import User
from testing.eventually import eventually, eventually_async
from testing.process import ROOT
from testing.redis_cluster import RedisCluster
from testing.redis_server import RedisServer
from tests.api.http_client import ask
from tests.e2e.redis_calls import granted
from tests.e2e.stack import FIRST, ROBIN, Stack, running
from tests.e2e.test_redis_rights import (
    ADMIN,
    NO_RIGHT,
    OF_CLUSTERS,
    SERVERS,
    SERVICES,
    acl_file,
    version,
)
from tests.webhooks.receiver import SECRET, receiving

NEW = "1138383128625152005"
LATER = {
    "asking": "for a key that has moved, while others of its slot have not",
    "sunsubscribe": "some time after the last watcher of a user has left",
}
"""Permissions that this test may not use, and when a service does."""


@asynccontextmanager
async def guarded_cluster(folder: Path, binary: str) -> AsyncIterator[tuple[RedisCluster, bool]]:
    """Yields the cluster, and whether its servers take users.acl: Valkey, and Redis 7 or newer."""
    async with RedisServer(binary=binary) as probe, Redis.from_url(probe.url) as redis:
        modern = await version(redis) >= 7
    acl = folder / "users.acl"
    acl.write_text(
        (ROOT / "deploy/redis" / acl_file(modern)).read_text()
        + "user admin on >secret ~* &* +@all\n"
    )
    async with RedisCluster(binary=binary, acl=acl, account=ADMIN) as cluster:
        yield cluster, modern


async def start(stack: Stack, cluster: RedisCluster, service: str, **env: str) -> None:
    url = cluster.url_for(f"{service}:change-this-{service}")
    await stack.start(service, REDIS_URL=url, **env)


async def used(cluster: RedisCluster) -> set[str]:
    """The commands that the nodes have received, as an ACL names them."""
    names: set[str] = set()
    for node in cluster.nodes:
        async with node.client() as redis:
            stats = await redis.info("commandstats")
        names |= {name.removeprefix("cmdstat_").lower() for name in stats}
    return names


async def denied(cluster: RedisCluster) -> list[object]:
    """What ACL LOG has of all nodes."""
    found: list[object] = []
    for node in cluster.nodes:
        async with node.client() as redis:
            found += await redis.acl_log()
    return found


@SERVERS
async def test_each_service_works_in_a_cluster(tmp_path: Path, binary: str) -> None:
    """Reads, writes, updates, checks, a slot that moves and a master that dies: no command is
    refused, and every permission that only a cluster needs is used."""
    async with (
        guarded_cluster(tmp_path, binary) as (cluster, modern),
        running(services=()) as stack,
        receiving() as endpoint,
    ):
        world = stack.simulator.world
        stack.env["WEBHOOKS"] = (
            f'[{{"url": "{endpoint.url}", "secret": "{SECRET}", "users": ["{ROBIN}"], '
            '"private": true}]'
        )
        if modern:
            address = f"http://127.0.0.1:{stack.simulator.port}/profiles/{{user_id}}"
            stack.env |= {"PROFILE_SOURCE": "upstream", "PROFILE_UPSTREAM_URL": address}
        for service in ("api", "ws", "cards", "webhooks"):
            await start(stack, cluster, service)
        await start(stack, cluster, "gateway", PRESENCE_CHECK_SECONDS="1")
        await stack.shows(ROBIN, lambda data: True)
        watcher = await stack.watch(ROBIN)
        await watcher.until(lambda frame: frame["op"] == "initial_data")
        assert (await ask(stack.api_port, f"/card/{ROBIN}.svg")).status == 200
        world.silent = {ROBIN}
        world.set_presence(ROBIN, "dnd", [], {"mobile": "dnd"})
        await watcher.until(lambda frame: frame["d"].get("status") == "dnd")
        world.silent = set()

        # The user's slot moves, and the gateway is redirected.
        key = keys.presence(int(ROBIN))
        source, target = cluster.master_of(key), cluster.another_than(key)
        await cluster.move_slot(key, source, target)
        await eventually_async(cluster.is_whole)
        world.set_presence(ROBIN, "idle", [], {"web": "idle"})
        await watcher.until(lambda frame: frame["d"].get("status") == "idle")
        await stack.shows(ROBIN, lambda data: bool(data["status"] == "idle"))

        before_failover = await used(cluster)
        await target.kill()
        await eventually_async(lambda: cluster.is_well_without(target))
        world.add_member(FIRST, User(id=NEW, username="newbie"))
        await stack.shows(NEW, lambda data: True)
        world.set_presence(ROBIN, "online", [], {"web": "online"})
        await watcher.until(lambda frame: frame["d"].get("status") == "online")
        await eventually(
            lambda: [one for one in endpoint.received if one.body["data"]["status"] == "online"]
        )
        await target.start()
        await eventually_async(cluster.is_whole)

        acl = (ROOT / "deploy/redis" / acl_file(modern)).read_text()
        given = {name for service in SERVICES for name in granted(acl, service)} & OF_CLUSTERS
        if not modern:  # Redis 6 does not count subcommands
            given = {name.partition("|")[0] for name in given}
        assert given - LATER.keys() - before_failover - await used(cluster) == set()
        for process in stack.processes.values():
            assert await process.stop() == 0
            assert "NOPERM" not in "\n".join(process.lines)
        assert await denied(cluster) == []


@SERVERS
async def test_no_service_may_change_the_cluster(tmp_path: Path, binary: str) -> None:
    """Only ask where the slots are."""
    acl_changes = [
        *[("CLUSTER", "RESET"), ("CLUSTER", "FAILOVER"), ("CLUSTER", "FORGET", "0" * 40)],
        *[("CLUSTER", "ADDSLOTS", 1), ("CLUSTER", "SETSLOT", 1, "STABLE"), ("CLUSTER", "NODES")],
        *[("MIGRATE", "127.0.0.1", 1, "key", 0, 1), ("REPLICAOF", "NO", "ONE"), ("SHUTDOWN",)],
    ]
    async with guarded_cluster(tmp_path, binary) as (cluster, _):
        for user in (*SERVICES, "webhooks"):
            url = cluster.masters[0].url.replace(ADMIN, f"{user}:change-this-{user}")
            for command in acl_changes:
                async with Redis.from_url(url, protocol=2) as client:
                    with pytest.raises(ResponseError, match=NO_RIGHT):
                        await client.execute_command(*command)  # type: ignore[no-untyped-call]
