"""All of Grux as in production: real processes and a real Redis, with a simulated Discord."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from types import MappingProxyType
from typing import Any, Final

import aiohttp
import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from simulator.options import Options
from simulator.server import Simulator
from testing.eventually import eventually, eventually_async
from testing.free_port import free_port
from testing.process import Process
from testing.redis_server import RedisServer

ROBIN = "161092844126208001"
FIRST, SECOND = "816976062578688017", "492605905305600005"


def quiet(**more: Any) -> Options:
    """Options of a small simulated Discord without changes of its own, and with short delays."""
    defaults = {"port": 0, "members": 30, "guilds": 2, "rate": 0, "chunk_seconds": 1.0}
    calm = {"identify_seconds": 0.0, "demo_seconds": 86_400}
    return Options(**{**defaults, **calm, **more})


class Watcher:
    """A WebSocket client that keeps the frames it received."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.frames: list[dict[str, Any]] = []
        self.close_code: int | None = None
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        try:
            async for message in self.connection:
                self.frames.append(msgspec.json.decode(message))
        except ConnectionClosed:
            pass
        self.close_code = self.connection.close_code

    async def until(self, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait for a frame that meets the condition."""
        found = await eventually(lambda: [frame for frame in self.frames if holds(frame)])
        return found[0]

    def has_heard_of(self, user_ids: Collection[str]) -> bool:
        """Whether a frame came for each of them, or the connection is closed."""
        heard = {frame.get("user_id") for frame in self.frames}
        return self.close_code is not None or heard >= set(user_ids)

    def last(self, user_id: str = ROBIN) -> dict[str, Any]:
        """The presence that results from the frames."""
        state: dict[str, Any] = {}
        for frame in self.frames:
            if frame["user_id"] == user_id and frame["op"] != "error":
                state.update(frame["d"])
        return state

    async def close(self) -> None:
        await self.connection.close()
        await self._reading


class Stack:
    """Created by `running`."""

    def __init__(
        self,
        simulator: Simulator,
        redis: RedisServer,
        http: aiohttp.ClientSession,
        env: Mapping[str, str],
        api_port: int = 0,
    ) -> None:
        self.simulator = simulator
        self.redis = redis
        self.processes: dict[str, Process] = {}
        self._http = http
        self._watchers: list[Watcher] = []
        self.api_port = api_port or free_port()
        self.ws_port, self.cards_port = free_port(), free_port()
        self.env = {
            "DISCORD_TOKEN": simulator.token,
            "DISCORD_API_URL": simulator.api_url,
            "DISCORD_CDN_URL": simulator.cdn_url,
            "REDIS_URL": redis.url,
            "API_PORT": str(self.api_port),
            "WS_PORT": str(self.ws_port),
            "CARDS_PORT": str(self.cards_port),
            "CARDS_URL": f"http://127.0.0.1:{self.cards_port}",
            "PUBLIC_WS_URL": f"ws://127.0.0.1:{self.ws_port}",
            "PROFILE_SOURCE": "off",
            "DRAIN_SECONDS": "0",
            "PROFILE_UPSTREAM_URL": f"{simulator.url}/profiles/{{user_id}}",
            **env,
        }

    def member_ids(self) -> set[str]:
        """The ids of all members of all guilds."""
        guilds = self.simulator.world.guilds.values()
        return {user_id for guild in guilds for user_id in guild.members}

    async def start(self, name: str, **env: str) -> Process:
        process = self.processes[name] = await self.launch(name, **env)
        return process

    async def launch(self, name: str, **env: str) -> Process:
        """Start one that is not among `processes`: the caller stops it."""
        return await Process.start_module(f"services.{name}", name=name, env={**self.env, **env})

    async def get(self, path: str) -> tuple[int, dict[str, Any]]:
        """Status and JSON of an api response. Status 0: api does not listen."""
        try:
            async with self._http.get(f"http://127.0.0.1:{self.api_port}{path}") as answer:
                return answer.status, msgspec.json.decode(await answer.read())
        except aiohttp.ClientConnectionError:
            return 0, {}

    async def shows(self, user_id: str, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait until GET /user/:id returns `data` that meets the condition."""

        async def shown() -> dict[str, Any]:
            status, body = await self.get(f"/user/{user_id}")
            return body["data"] if status == 200 and holds(body["data"]) else {}

        return await eventually_async(shown)

    async def not_monitored(self, user_id: str) -> None:
        """Wait until GET /user/:id returns 404."""

        async def gone() -> bool:
            return (await self.get(f"/user/{user_id}"))[0] == 404

        await eventually_async(gone)

    async def watch(self, *user_ids: str) -> Watcher:
        """Connect, and wait until ws answered for each user: what changes afterwards is an update,
        and not a part of the initial data."""
        query = "&".join(f"user_id={user_id}" for user_id in user_ids)
        connection = await connect(f"ws://127.0.0.1:{self.ws_port}/?{query}", proxy=None)
        watcher = Watcher(connection)
        self._watchers.append(watcher)
        await eventually(lambda: watcher.has_heard_of(user_ids))
        return watcher

    async def close(self) -> None:
        for watcher in self._watchers:
            await watcher.close()
        for process in reversed(self.processes.values()):
            await process.stop()
            print(f"-- {process.name}", *process.lines, sep="\n")  # pytest shows it on a failure


REST: Final = ("api", "gateway")
"""The services without ws, for tests that use no WebSocket."""


@asynccontextmanager
async def running(
    options: Options | None = None,
    services: Sequence[str] = ("api", "ws", "gateway"),
    *,
    redis_url: str | RedisServer = "",
    env: Mapping[str, str] = MappingProxyType({}),
    api_port: int = 0,
) -> AsyncIterator[Stack]:
    """Start the services; with api and gateway among them, Robin is readable.

    `redis_url`: an existing Redis, or one that is not started yet, instead of a new one that
    `stack.redis` may kill.
    `env`: further settings. `api_port`: 0 picks a free one.
    """
    async with AsyncExitStack() as parts:
        simulator = await parts.enter_async_context(Simulator(options or quiet()))
        server = redis_url if isinstance(redis_url, RedisServer) else RedisServer()
        redis = await parts.enter_async_context(server)
        http = await parts.enter_async_context(aiohttp.ClientSession())
        stack = Stack(simulator, redis, http, env, api_port)
        if isinstance(redis_url, str) and redis_url:
            stack.env["REDIS_URL"] = redis_url
        parts.push_async_callback(stack.close)
        for name in services:
            await stack.start(name)
        if "ws" in services:
            await stack.processes["ws"].line_with("listening")
        if {"api", "gateway"} <= set(services):
            await stack.shows(ROBIN, lambda data: True)
        yield stack
