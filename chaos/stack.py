"""All of Grux with a wire that can be broken in front of every part."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Final, Self

from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster as ClusterClient

from chaos import plan
from chaos.choosers import Choosers
from chaos.cluster_link import ClusterLink
from chaos.history import History
from chaos.replay_rewinder import ReplayRewinder
from chaos.rollback_tracker import RollbackTracker
from chaos.service import Service
from chaos.workload import Workload
from shared.redis.store import Store
from shared.redis.user_settings import UserSettingsStore
from simulator import BOT_ID
from simulator.options import Options
from simulator.server import Simulator
from testing.free_port import free_port
from testing.redis_cluster import RedisCluster
from testing.redis_server import RedisServer
from testing.tcp_proxy import TcpProxy

START_WITHIN: Final = 30.0  # seconds
_PRIVATE_OF_SEVERAL: Final = 0.6  # of the people in several guilds
_PRIVATE_OF_OTHERS: Final = 0.2
_NARROW: Final = 4096  # bytes
_NODE_SILENT_MS: Final = 1500  # until a node is replaced; less than that is a busy machine

_MODULES: Final = {"gateway": "gateway", "standby": "gateway", "api": "api", "ws": "ws"}


class Stack:
    """`async with Stack(…)` starts everything, and waits until every user is in Redis."""

    def __init__(
        self,
        seed: int,
        people: int,
        burst: int,
        shards: int,
        *,
        cluster: bool = False,
        choosers: int = 0,
    ) -> None:
        """`cluster`: Redis is a cluster of three masters with a replica each. `choosers`: people
        who change what is shown of them; with them, the durable Redis is a server of its own."""
        options = Options(
            port=0,
            members=people,
            guilds=3,
            shards=shards,
            seed=seed,
            rate=0,
            private_people=0.0,  # the workload decides
            demo_seconds=1e6,
            identify_seconds=0.0,
            chunk_seconds=2.0,
            heartbeat_interval_ms=1500,
            sends_per_minute=100_000,
            rest_limit=100_000,
            rest_global_limit=100_000,
        )
        self.burst = burst  # events
        self.simulator = Simulator(options)
        self.history = History(self.simulator.world, shards)
        self.life = Workload(self.simulator.world, self.history, seed)
        self.life.hide(_PRIVATE_OF_SEVERAL, _PRIVATE_OF_OTHERS)
        self.replays = ReplayRewinder(self.simulator.sessions)
        self._server = RedisCluster(_NODE_SILENT_MS) if cluster else RedisServer()
        self.rollbacks = RollbackTracker()
        self.durable = RedisServer("--appendonly", "yes", "--appendfsync", "always")
        self._settings = Store.connect(self.durable.url)
        members = sorted(self.history.members() - {BOT_ID})
        chosen = self._choose(members, choosers, random.Random(seed))
        store = UserSettingsStore(self._settings)
        self.choosers = Choosers(store, self.history, chosen, seed) if chosen else None
        self.services: dict[str, Service] = {}
        self.links: dict[str, TcpProxy | ClusterLink] = {}
        self._near: dict[str, int] = {}  # the near ends of those to one server, by name
        self.metrics_ports: dict[str, int] = {}  # of each `ws`
        self._ports: dict[str, int] = {}  # of the processes themselves
        self._parts = AsyncExitStack()

    def _choose(self, members: Sequence[str], number: int, rng: random.Random) -> list[str]:
        """Half of them have something to hide in their profiles, which few people have."""
        people = self.simulator.world.people
        dressed = [one for one in members if people[one].user.avatar_decoration_data]
        first = rng.sample(dressed, min(len(dressed), number // 2))
        return [*first, *rng.sample(sorted({*members} - {*first}), number - len(first))]

    async def __aenter__(self) -> Self:
        try:
            async with asyncio.timeout(START_WITHIN):
                await self._start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._parts.aclose()

    @property
    def has_cluster(self) -> bool:
        return isinstance(self._server, RedisCluster)

    @property
    def redis(self) -> RedisServer:
        """The only server. Raises LookupError where there is a cluster."""
        if isinstance(self._server, RedisCluster):
            raise LookupError("Redis is a cluster in this run")
        return self._server

    @property
    def cluster(self) -> RedisCluster:
        """Raises LookupError where there is none."""
        if isinstance(self._server, RedisServer):
            raise LookupError("Redis is a single server in this run")
        return self._server

    @property
    def redis_nodes(self) -> list[RedisServer]:
        """The only server, or all nodes of the cluster."""
        return self.cluster.nodes if self.has_cluster else [self.redis]

    def redis_client(self) -> Redis | ClusterClient:
        """Connections of the run's own, past every link. Use it as a context manager."""
        return self.cluster.client() if self.has_cluster else self.redis.client()

    @property
    def ws_ports(self) -> list[int]:
        """Where clients connect: the near ends of their links."""
        return [self._near[f"clients>{name}"] for name in plan.SOCKETS]

    @property
    def narrow_ws_ports(self) -> list[int]:
        """The ports of clients that read so slowly that `ws` has to skip frames for them."""
        return [self._near[f"slow clients>{name}"] for name in plan.SOCKETS]

    @property
    def api_ports(self) -> dict[str, int]:
        """Where each `api` is asked: the near ends of these links, by name."""
        return {name: self._near[f"clients>{name}"] for name in plan.APIS}

    async def _start(self) -> None:
        await self._parts.enter_async_context(self._server)
        await self._parts.enter_async_context(self.simulator)
        if self.choosers:
            await self._parts.enter_async_context(self.durable)
            await self._parts.enter_async_context(self._settings)
            await self.choosers.begin()
        source = await self._link(plan.PROFILES, self.simulator.port)
        for name in plan.PROCESSES:
            await self._prepare(name, source)
        for name in plan.PROCESSES:
            if name != "standby":
                await self.services[name].start()
        await self._wait_for_users()
        await self.services["standby"].start()

    async def _prepare(self, name: str, source: TcpProxy) -> None:
        url = f"http://127.0.0.1:{source.port}"
        env = {"REDIS_URL": await self._redis_url(f"{name}>redis"), "METRICS_PORT": ""}
        if self.choosers:
            durable = await self._link(f"{name}>durable", self.durable.port)
            env["DURABLE_REDIS_URL"] = f"redis://127.0.0.1:{durable.port}/0"
        if name in plan.GATEWAYS:
            discord = await self._link(f"{name}>discord", self.simulator.port)
            url = f"http://127.0.0.1:{discord.port}"
        port = free_port()
        if name not in plan.GATEWAYS:
            self._ports[name] = port
            await self._link(f"clients>{name}", port)
        if name in plan.SOCKETS:
            await self._link(f"slow clients>{name}", port, _NARROW)
            self.metrics_ports[name] = free_port()
            env["METRICS_PORT"] = str(self.metrics_ports[name])
        env |= {
            "SHARD_COUNT": str(self.simulator.options.shards),
            "DISCORD_TOKEN": self.simulator.token,
            "DISCORD_API_URL": f"{url}/api/v10",
            "DISCORD_CDN_URL": self.simulator.cdn_url,
            "PROFILE_SOURCE": "upstream",
            "PROFILE_UPSTREAM_URL": f"http://127.0.0.1:{source.port}/profiles/{{user_id}}",
            "API_PORT": str(port),
            "WS_PORT": str(port),
            "API_REQUESTS_PER_MINUTE": "0",  # all the world comes from 127.0.0.1 here
            "WS_CONNECTIONS_PER_ADDRESS": "0",
        }
        service = self.services[name] = Service(name, _MODULES[name.partition("-")[0]], env)
        self._parts.push_async_callback(service.kill)

    async def _redis_url(self, name: str) -> str:
        """Of a link of this name."""
        if not self.has_cluster:
            link = await self._link(name, self.redis.port)
            return f"redis://127.0.0.1:{link.port}/0"
        nodes = self.links[name] = ClusterLink(name, [node.port for node in self.cluster.nodes])
        await nodes.start()
        self._parts.push_async_callback(nodes.close)
        return "redis+cluster://" + ",".join(f"127.0.0.1:{port}" for port in nodes.ports)

    async def _link(self, name: str, target: int, buffer: int | None = None) -> TcpProxy:
        link = TcpProxy(name, target) if buffer is None else TcpProxy(name, target, buffer)
        self.links[name] = link
        await link.start()
        self._near[name] = link.port
        self._parts.push_async_callback(link.close)
        return link

    async def _wait_for_users(self) -> None:
        """Until all are in Redis. Where some stay missing, START_WITHIN ends the start."""
        async with self.redis_client() as redis:
            members = self.history.members()
            for guild in self.simulator.world.guilds.values():
                listed = len(guild.members.keys() & members)
                while await redis.scard(f"members:{guild.id}") != listed:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            for user_id in members:  # written after the sets of members
                while not await redis.exists(f"presence:{{{user_id}}}"):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
        for port in self._ports.values():
            while not await _listens(port):  # noqa: ASYNC110
                await asyncio.sleep(0.05)


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
