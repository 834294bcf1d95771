"""Containers fail and are replaced; what clients notice of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp

from tests.compose.project import XENIA, Project
from tests.compose.test_demo import say
from tests.compose.watcher import Watcher, watching

PATIENCE = 60.0  # seconds: containers may start on a busy machine


async def _eventually(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await asyncio.to_thread(holds):
            await asyncio.sleep(0.05)


@asynccontextmanager
async def _readers(project: Project) -> AsyncIterator[tuple[list[Watcher], Counter[int]]]:
    """Twenty clients watch Xenia, and one keeps requesting her: yields its response statuses."""
    statuses: Counter[int] = Counter()

    async def fetch() -> None:
        limit = aiohttp.ClientTimeout(total=20)
        async with aiohttp.ClientSession(timeout=limit) as http:
            while True:
                async with http.get(f"{project.url}/activity/{XENIA}") as answer:
                    statuses[answer.status] += 1
                await asyncio.sleep(0.02)

    async with watching(f"{project.ws_url}/?user_id={XENIA}", 20) as watchers:
        fetching = asyncio.create_task(fetch())
        await _eventually(lambda: all(one.state for one in watchers) and statuses[200] > 0)
        try:
            yield watchers, statuses
        finally:
            assert not fetching.done(), fetching
            fetching.cancel()
            await asyncio.gather(fetching, return_exceptions=True)


async def _all_hear(project: Project, watchers: list[Watcher], text: str) -> None:
    """A change made now reaches every client."""
    await asyncio.to_thread(say, project, text)
    await _eventually(lambda: {one.text for one in watchers} == {text})


async def test_one_of_each_is_killed(project: Project, front_door: str) -> None:
    """Docker restarts them; clients reconnect to the other replica, and get the current state."""
    api, ws = project.containers("api")[0], project.containers("ws")[0]
    before = {one: project.starts(one)[0] for one in (api, ws)}
    async with _readers(project) as (watchers, statuses):
        project.crash(api)
        project.crash(ws)
        await _all_hear(project, watchers, "while they were away")
        for one in (api, ws):
            again = (before[one] + 1, "healthy")
            await _eventually(lambda one=one, again=again: project.starts(one) == again)  # type: ignore[misc]
        await _all_hear(project, watchers, "afterwards")
        assert any(one.connected > 1 for one in watchers)
        assert set(statuses) == {200}


async def test_redis_is_restarted(project: Project) -> None:
    """It keeps its data, no client is disconnected, and changes arrive again."""
    async with _readers(project) as (watchers, statuses):
        connected = sum(one.connected for one in watchers)
        await asyncio.to_thread(project.compose, "restart", "redis")
        await _all_hear(project, watchers, "after Redis")
        good = statuses[200]
        await _eventually(lambda: statuses[200] > good)
        assert sum(one.connected for one in watchers) == connected
        assert set(statuses) <= {200, 503}


async def test_a_rolling_update(project: Project, front_door: str) -> None:
    """Every container runs the new image, and no request failed."""
    old, revision = set(project.containers()), f"the-next-one-behind-{front_door}"
    async with _readers(project) as (watchers, statuses):
        project.env["GRUX_REVISION"] = revision
        await asyncio.to_thread(project.run, "deploy/update.sh", within=150)
        await _all_hear(project, watchers, "with the new ones")
        assert set(statuses) == {200}
        assert {code for one in watchers for code in one.codes} == {1012}
    for service, count in (("gateway", 1), ("api", 2), ("ws", 2), ("cards", 1)):
        now = project.containers(service)
        assert len(now) == count
        assert not set(now) & old
        for container in now:
            labels = project.inspect(container)["Config"]["Labels"]
            assert labels["org.opencontainers.image.revision"] == revision
    for service in ("redis", front_door):
        assert set(project.containers(service)) <= old  # their configuration has not changed


async def test_a_second_gateway_is_a_standby(project: Project) -> None:
    """Both are healthy; when the active one is gone, the other takes over."""
    first = project.containers("gateway")
    project.run("deploy/scale.sh", "gateway=2")
    try:
        (second,) = set(project.containers("gateway")) - set(first)
        assert "standing by" in project.run("docker", "logs", second, stderr=True)
        async with _readers(project) as (watchers, statuses):
            await asyncio.to_thread(project.run, "docker", "kill", *first)
            await _all_hear(project, watchers, "from the other gateway")
            assert set(statuses) == {200}
    finally:
        project.run("docker", "rm", "--force", *first)
        project.run("deploy/scale.sh", "gateway=1")


async def test_without_replicas_there_is_503(project: Project, front_door: str) -> None:
    """The front door sends the same error as the API."""
    project.compose("stop", "api")
    try:
        async with aiohttp.ClientSession() as http, http.get(f"{project.url}/user/1") as answer:
            assert answer.status == 503
            assert answer.headers["Retry-After"] == "2"
            assert answer.headers["Access-Control-Allow-Origin"] == "*"
            assert (await answer.json())["error"]["code"] == "unavailable"
    finally:
        project.compose("start", "api")
