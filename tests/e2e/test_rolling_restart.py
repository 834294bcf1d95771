"""A rolling update: every process is replaced in turn, while clients and changes go on."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

import aiohttp
import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from testing.eventually import eventually, eventually_async
from testing.free_port import free_port
from testing.process import Process
from tests.e2e.stack import Stack, running

NAMES = ("gateway", "api", "ws")
PEOPLE = 6
EVERY = 0.02  # seconds between two changes


class CountingUsers:
    """Users who change all the time; each change has a higher step number."""

    def __init__(self, stack: Stack) -> None:
        self._world = stack.simulator.world
        watched = [one for one, person in self._world.people.items() if not person.user.bot]
        self.people = watched[:PEOPLE]
        self.steps: dict[str, int] = {}

    async def run(self) -> None:
        for step in count(1):
            user_id = self.people[step % PEOPLE]
            playing = {"type": 0, "name": f"step {step}", "created_at": step}
            self._world.set_presence(user_id, "online", [playing], {"web": "online"})
            self.steps[user_id] = step
            await asyncio.sleep(EVERY)


class Follower:
    """A client that reconnects as docs/websocket.md says."""

    def __init__(self, ports: tuple[int, ...], user_ids: list[str]) -> None:
        self.seen: dict[str, list[int]] = {one: [] for one in user_ids}
        self.codes: list[int | None] = []
        self._ports = ports
        self._query = "&".join(f"user_id={one}" for one in user_ids)

    async def run(self) -> None:
        while True:
            port = random.choice(self._ports)
            try:
                async with connect(f"ws://127.0.0.1:{port}/?{self._query}", proxy=None) as socket:
                    await self._read(socket)
            except (OSError, InvalidHandshake):
                pass  # it is being replaced: a load balancer would use the other one
            await asyncio.sleep(0.05 + 0.4 * random.random())

    async def _read(self, socket: ClientConnection) -> None:
        try:
            async for message in socket:
                frame = msgspec.json.decode(message)
                if playing := frame["d"].get("activity"):
                    self.seen[frame["user_id"]].append(_step(playing))
        except ConnectionClosed as closed:
            self.codes.append(closed.rcvd.code if closed.rcvd else None)


class Reader:
    """Requests any replica that is ready, like a client of a load balancer."""

    def __init__(self, ports: tuple[int, ...], people: list[str]) -> None:
        self.answers = 0
        self.failures: list[str] = []
        self._ports = ports
        self._people = people

    async def run(self) -> None:
        async with aiohttp.ClientSession() as http:
            while True:
                await self._ask(http)
                await asyncio.sleep(EVERY)

    async def _ask(self, http: aiohttp.ClientSession) -> None:
        for port in random.sample(self._ports, len(self._ports)):
            if await self._is_ready(http, port):
                break
        else:
            self.failures.append("no replica is ready")
            return
        user_id = random.choice(self._people)
        try:
            async with http.get(f"http://127.0.0.1:{port}/user/{user_id}") as answer:
                await answer.read()
        except aiohttp.ClientError as error:
            self.failures.append(repr(error))
            return
        if answer.status != 200 or "X-Grux-Stale" in answer.headers:
            self.failures.append(f"{answer.status} {answer.headers.get('X-Grux-Stale')}")
        self.answers += 1

    async def _is_ready(self, http: aiohttp.ClientSession, port: int) -> bool:
        try:
            async with http.get(f"http://127.0.0.1:{port}/ready") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False


class Replicas:
    """Two processes of each service, each on its own port."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self.api = (stack.api_port, free_port())
        self.ws = (stack.ws_port, free_port())

    async def start(self, name: str, number: int) -> Process:
        """Start a process, and wait until it is ready."""
        settings = {
            "API_PORT": str(self.api[number]),
            "WS_PORT": str(self.ws[number]),
            "DRAIN_SECONDS": "1",
        }
        process = await self._stack.launch(name, **settings)
        self._stack.processes[f"{name} {number}"] = process
        match name:
            case "gateway":
                await eventually(lambda: _says_one(process, "standing by", "connected to Discord"))
            case "api":
                await eventually_async(lambda: _ready(self.api[number]))
            case _:
                await eventually_async(lambda: _ready(self.ws[number]))
        return process

    async def replace(self, name: str, number: int) -> None:
        process = self._stack.processes.pop(f"{name} {number}")
        assert await process.stop() == 0, process.lines
        await self.start(name, number)


async def test_replacing_every_process_loses_no_update() -> None:
    """No request fails, no client sees an older step, and all end with the current state."""
    async with running(services=()) as stack:
        replicas = Replicas(stack)
        for number in (0, 1):
            await asyncio.gather(*(replicas.start(name, number) for name in NAMES))
        users = CountingUsers(stack)
        followers = [Follower(replicas.ws, [one]) for one in users.people]
        followers += [Follower(replicas.ws, users.people) for _ in range(4)]
        reader = Reader(replicas.api, users.people)
        async with all_running(*followers, reader):
            async with all_running(users):
                await eventually(lambda: all(follower.seen for follower in followers))
                for number in (0, 1):
                    await asyncio.gather(*(replicas.replace(name, number) for name in NAMES))
            await eventually(lambda: all(_has_the_truth(one, users) for one in followers))
            async with aiohttp.ClientSession() as http:
                for port in replicas.api:
                    for user_id, step in users.steps.items():
                        async with http.get(f"http://127.0.0.1:{port}/user/{user_id}") as answer:
                            body = msgspec.json.decode(await answer.read())
                        assert _step(body["data"]["activity"]) == step
        for follower in followers:
            assert all(steps == sorted(set(steps)) for steps in _connections(follower))
            assert set(follower.codes) <= {1012}
        assert any(follower.codes for follower in followers)
        assert reader.failures == []
        assert reader.answers > 0
        assert stack.simulator.stats.identifies == 1
        assert stack.simulator.stats.resumes > 0  # one or two: the first gateway may be a new one


@asynccontextmanager
async def all_running(*people: CountingUsers | Follower | Reader) -> AsyncIterator[None]:
    """Run these tasks until the block ends; if one fails, the test fails."""
    tasks = [asyncio.create_task(one.run()) for one in people]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        assert [end for end in ends if not isinstance(end, asyncio.CancelledError)] == []


def _connections(follower: Follower) -> list[list[int]]:
    """Assert per user that steps never decrease; a new connection may repeat the last one."""
    return [
        [step for before, step in zip([-1, *steps], steps, strict=False) if step != before]
        for steps in follower.seen.values()
    ]


def _has_the_truth(follower: Follower, users: CountingUsers) -> bool:
    return all(steps[-1:] == [users.steps[user_id]] for user_id, steps in follower.seen.items())


def _step(playing: list[dict[str, str]]) -> int:
    return int(playing[0]["name"].removeprefix("step "))


def _says_one(process: Process, *words: str) -> bool:
    return any(word in line for line in process.lines for word in words)


async def _ready(port: int) -> bool:
    async with aiohttp.ClientSession() as http:
        try:
            async with http.get(f"http://127.0.0.1:{port}/ready") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False
