"""GET /user/:id and GET /activity/:id through the whole api, beside a bare ASGI application, and
Lanyard's GET /v1/users/:id beside /user/:id.

The figures are CPU of the process a request, so `0.75 × the floor's requests per second and CPU`
reads here as at most 1 / 0.75 = 1.33 times its CPU.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final, Literal

from msgspec import Struct

from bench import kernel, people
from bench.child import BenchProcess, ProcessFailed
from bench.figures import Figure, Series
from bench.harness import Harness, Redis, listens
from services.api.endpoints.many_users import MAX_USERS
from testing.free_port import free_port

ROW = "reads"
CONNECTIONS: Final = 32
LANYARD: Final = "/v1/users/"
MANY: Final = "/users"
AS_USER: Final = 1.05  # times the CPU of /user/:id
UNCHANGED: Final = 1 / 0.75
CHANGING: Final = 1 / 0.5
NOT_MODIFIED: Final = (
    1.1  # times the 200: one more header is parsed, and two kilobytes less written
)
FROM_REDIS: Final = 2.0  # times one from memory
UNKNOWN_ID: Final = people.FIRST + 10**9  # the first of the ids that no user has

Tags = Literal["none", "learn", "send"]


class Target(Struct, frozen=True):
    """A server and what asks it."""

    server: BenchProcess
    load: BenchProcess
    port: int

    async def get(self, path: str, users: int, tags: Tags = "none") -> float:
        """CPU seconds a request, for each user once."""
        before = self.server.cpu()
        done = await self.load.ask(f"{CONNECTIONS} {users} {path} {people.FIRST} {users} {tags}")
        if done["not_modified" if tags == "send" else "ok"] != users:
            raise ProcessFailed(f"{self.server.name} answered {path}: {done}")
        return (self.server.cpu() - before) / users

    async def get_unknown(self, path: str, users: int) -> float:
        """The same for ids that no user has: 404."""
        before = self.server.cpu()
        done = await self.load.ask(f"{CONNECTIONS} {users} {path} {UNKNOWN_ID} {users} none")
        if done["other"] != users:
            raise ProcessFailed(f"{self.server.name} answered {path}: {done}")
        return (self.server.cpu() - before) / users

    async def get_many(self, users: int) -> float:
        """CPU seconds a user, at GET /users with as many ids as it takes, for each user once."""
        ids = range(people.FIRST, people.FIRST + users)
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        before = self.server.cpu()
        for start in range(0, users, MAX_USERS):
            asked = ",".join(map(str, ids[start : start + MAX_USERS]))
            writer.write(f"GET /users?ids={asked} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            body = await reader.readexactly(int(head.split(b"content-length: ")[1].split()[0]))
            if not body.endswith(b'},"not_monitored":[]},"success":true}'):
                raise ProcessFailed(f"{self.server.name} answered /users: {body[-100:]!r}")
        cost = self.server.cpu() - before
        writer.close()
        return cost / users


async def run(harness: Harness) -> list[Figure]:
    users, rate = harness.params.users, harness.params.changes
    series = Series()
    async with AsyncExitStack() as parts:
        redis = await parts.enter_async_context(harness.redis())
        await people.admit(redis.store, users)
        api = await parts.enter_async_context(api_of(harness, redis))
        bare = {
            path: await parts.enter_async_context(_bare(harness, api, path))
            for path in ("/user/", "/activity/")
        }
        for path, floor in bare.items():
            await api.get(path, users)  # what is kept from now on is warm
            await floor.get(path, users)
        has_many = await _has(api.port, f"{MANY}?ids={people.FIRST}")
        lanyard = (LANYARD,) if await _has(api.port, f"{LANYARD}{people.FIRST}") else ()
        for path in lanyard:
            await api.get(path, users)  # warm too
        names = ("/user/", "/user/ floor", "/activity/", *lanyard, "from Redis")
        for number in harness.rounds(series, *names):
            for path in lanyard:
                series.add(path, await api.get(path, users, "learn"))
            if has_many:
                series.add(MANY, await api.get_many(users))
            for path, floor in bare.items():
                series.add(path, await api.get(path, users, "learn"))
                series.add(f"{path} floor", await floor.get(path, users))
                series.add(f"{path} 304", await api.get(path, users, "send"))
            async with harness.module("bench.changes", redis.url, users, rate) as changes:
                await changes.line()
                for path in bare:
                    series.add(f"{path} changing", await api.get(path, users))
            await people.change_all(redis.store, users, number)
            await asyncio.sleep(harness.params.settles)  # the api drops all of them
            series.add("from Redis", await api.get("/user/", users))
            series.add("unknown", await api.get_unknown("/user/", users))
            for path in (*bare, *lanyard):
                await api.get(path, users)  # warm again
    found = [figure for path in bare for figure in _figures(series, path, users, rate)]
    found.append(
        _from_redis_figure(series, f"{users:,} users that have just changed", "from Redis")
    )
    found.append(_from_redis_figure(series, "an unknown id: 404", "unknown"))
    if lanyard:
        found.append(_lanyard_figure(series, users))
    if has_many:
        found.append(_many_figure(series))
    return found


def _many_figure(series: Series) -> Figure:
    return Figure(
        row=ROW,
        name=f"GET {MANY} with {MAX_USERS} ids, unchanged, CPU of api a user",
        unit="µs",
        value=series[MANY] * 1e6,
        floor=series["/user/"] * 1e6,
        goal=1.0,
        goal_is="ratio",
        note=f"the floor is one of {MAX_USERS} GET /user/:id",
    )


def _from_redis_figure(series: Series, what: str, key: str) -> Figure:
    return Figure(
        row=ROW,
        name=f"GET /user/:id, {what}, CPU of api a request",
        unit="µs",
        value=series[key] * 1e6,
        floor=series["/user/"] * 1e6,
        goal=FROM_REDIS,
        goal_is="ratio",
        note="each goes to Redis; the floor is one from memory",
    )


def _lanyard_figure(series: Series, users: int) -> Figure:
    return Figure(
        row=ROW,
        name=f"GET {LANYARD}:id, {users:,} users in turn, unchanged, CPU of api a request",
        unit="µs",
        value=series[LANYARD] * 1e6,
        floor=series["/user/"] * 1e6,
        goal=AS_USER,
        goal_is="ratio",
        note="the floor is GET /user/:id",
    )


def _figures(series: Series, path: str, users: int, rate: int) -> list[Figure]:
    def figure(what: str, key: str, goal: float | None, against: str) -> Figure:
        return Figure(
            row=ROW,
            name=f"GET {path}:id, {what}, CPU of api a request",
            unit="µs",
            value=series[key] * 1e6,
            floor=series[against] * 1e6,
            goal=goal,
            goal_is="ratio",
            note=f"{series[against] / series[key]:.2f} × its requests a CPU second",
        )

    return [
        figure(f"{users:,} users in turn, unchanged", path, UNCHANGED, f"{path} floor"),
        figure(f"{rate:,} of them change a second", f"{path} changing", CHANGING, f"{path} floor"),
        figure("304, against the 200", f"{path} 304", NOT_MODIFIED, path),
    ]


@asynccontextmanager
async def api_of(harness: Harness, redis: Redis) -> AsyncIterator[Target]:
    """services/api, and what asks it."""
    port = free_port()
    async with (
        harness.service("api", redis, API_PORT=str(port)) as api,
        harness.program("http_load", port) as load,
    ):
        yield Target(api, load, port)


@asynccontextmanager
async def _bare(harness: Harness, api: Target, path: str) -> AsyncIterator[Target]:
    """A floor that answers what the api answers."""
    answer = harness.folder / f"answer{path.strip('/')}"
    answer.write_bytes(await _response(api.port, f"{path}{people.FIRST}"))
    port = free_port()
    async with (
        harness.module("bench.baselines.asgi", port, answer, core=kernel.SERVER_CORE) as bare,
        harness.program("http_load", port) as load,
    ):
        await listens(bare, port)
        yield Target(bare, load, port)


async def _has(port: int, path: str) -> bool:
    """Whether the api has this route: earlier revisions have not."""
    return (await _response(port, path)).startswith(b"HTTP/1.1 200 ")


async def _response(port: int, path: str) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    response = await reader.read()  # to the end: the answer to `close` is complete with it
    writer.close()
    return response.replace(b"connection: close\r\n", b"")
