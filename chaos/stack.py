"""All of Grux with a wire that can be broken in front of every part."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Final, Self

from chaos import plan
from chaos.history import History
from chaos.replay_rewinder import ReplayRewinder
from chaos.rollback_tracker import RollbackTracker
from chaos.service import Service
from chaos.workload import Workload
from simulator.options import Options
from simulator.server import Simulator
from testing.free_port import free_port
from testing.redis_server import RedisServer
from testing.tcp_proxy import TcpProxy

START_WITHIN: Final = 30.0  # seconds
_NARROW: Final = 4096  # bytes

_MODULES: Final = {"gateway": "gateway", "standby": "gateway", "api": "api", "ws": "ws"}


class Stack:
    """`async with Stack(…)` starts everything, and waits until every user is in Redis."""

    def __init__(self, seed: int, people: int, burst: int, shards: int) -> None:
        options = Options(
            port=0,
            members=people,
            guilds=3,
            shards=shards,
            seed=seed,
            rate=0,
            private_people=0.0,
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
        self.replays = ReplayRewinder(self.simulator.sessions)
        self.redis = RedisServer()
        self.rollbacks = RollbackTracker()
        self.services: dict[str, Service] = {}
        self.links: dict[str, TcpProxy] = {}
        self.metrics_ports: dict[str, int] = {}  # of each `ws`
        self._ports: dict[str, int] = {}  # of the processes themselves
        self._parts = AsyncExitStack()

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
    def ws_ports(self) -> list[int]:
        """Where clients connect: the near ends of their links."""
        return [self.links[f"clients>{name}"].port for name in plan.SOCKETS]

    @property
    def narrow_ws_ports(self) -> list[int]:
        """The ports of clients that read so slowly that `ws` has to skip frames for them."""
        return [self.links[f"slow clients>{name}"].port for name in plan.SOCKETS]

    @property
    def api_ports(self) -> dict[str, int]:
        """Where each `api` is asked: the near ends of these links, by name."""
        return {name: self.links[f"clients>{name}"].port for name in plan.APIS}

    async def _start(self) -> None:
        await self._parts.enter_async_context(self.redis)
        await self._parts.enter_async_context(self.simulator)
        source = await self._link(plan.PROFILES, self.simulator.port)
        for name in plan.PROCESSES:
            await self._prepare(name, source)
        for name in plan.PROCESSES:
            if name != "standby":
                await self.services[name].start()
        await self._everybody_is_there()
        await self.services["standby"].start()

    async def _prepare(self, name: str, source: TcpProxy) -> None:
        redis = await self._link(f"{name}>redis", self.redis.port)
        url = f"http://127.0.0.1:{source.port}"
        env = {"REDIS_URL": f"redis://127.0.0.1:{redis.port}/0", "METRICS_PORT": ""}
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

    async def _link(self, name: str, target: int, *buffer: int) -> TcpProxy:
        link = self.links[name] = TcpProxy(name, target, *buffer)
        await link.start()
        self._parts.push_async_callback(link.close)
        return link

    async def _everybody_is_there(self) -> None:
        """Raises TimeoutError, in the end, when they are not."""
        async with self.redis.client() as redis:
            while await redis.scard("users") != len(self.history.members()):  # noqa: ASYNC110
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
