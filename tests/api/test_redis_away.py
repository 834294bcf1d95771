"""Redis dies, hangs and returns while a replica runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from inspect import signature

import pytest

from shared.model.profile_extras import ProfileExtras
from shared.redis.store import Store
from testing.eventually import PATIENCE, eventually_async
from testing.redis_server import RedisServer
from tests.api.golden import RICH
from tests.api.http_client import Answer, ask
from tests.api.replica import serving
from tests.shared.profiles.scripted_source import ScriptedSource

DEFAULT_TIMEOUT_S: float = signature(Store.connect).parameters["timeout"].default
RESPONSE_TIME_S = 1.0  # the longest that a client waits

PATHS = (f"/user/{RICH.user_id}", f"/activity/{RICH.user_id}", "/", "/ready")


@pytest.fixture
async def redis() -> AsyncIterator[RedisServer]:
    async with RedisServer() as server:
        yield server


@asynccontextmanager
async def replica(redis: RedisServer, timeout: float) -> AsyncIterator[int]:
    async with Store.connect(redis.url, timeout=PATIENCE) as patient:
        await patient.save([RICH.save()])
    source = ScriptedSource(ProfileExtras(bio="Hello"))
    async with (
        Store.connect(redis.url, timeout=timeout) as store,
        serving(store, source=source) as port,
    ):
        yield port


@pytest.fixture
async def port(redis: RedisServer) -> AsyncIterator[int]:
    """Of a replica that waits for Redis as long as it takes."""
    async with replica(redis, PATIENCE) as port:
        yield port


@pytest.fixture
async def hasty_port(redis: RedisServer) -> AsyncIterator[int]:
    """Of a replica that waits for Redis as long as in production: a busy machine may take longer
    to answer, too."""
    async with replica(redis, DEFAULT_TIMEOUT_S) as port:
        yield port


async def everything(port: int) -> list[Answer]:
    return await asyncio.gather(*(ask(port, path) for path in PATHS))


def statuses(answers: list[Answer]) -> list[int]:
    return [answer.status for answer in answers]


async def test_a_dead_redis(redis: RedisServer, port: int) -> None:
    """503 while Redis is down; afterwards the same process serves again."""
    assert statuses(await everything(port)) == [200] * 4
    await redis.kill()
    answers = await everything(port)
    assert statuses(answers) == [503] * 4
    assert {answer.header("retry-after") for answer in answers} == {"5"}
    assert {answer.header("cache-control") for answer in answers} == {"no-store"}
    await redis.start()
    assert statuses(await everything(port)) == [404, 404, 200, 200]  # Redis restarted empty


def test_the_redis_timeout_is_below_the_response_time() -> None:
    """`make chaos` measures how long clients really wait (chaos/latency_check.py)."""
    assert DEFAULT_TIMEOUT_S < RESPONSE_TIME_S


async def all_served(port: int) -> bool:
    answers = await everything(port)
    return statuses(answers) == [200] * 4 and b'"bio":"Hello"' in answers[0].body


async def test_a_hanging_redis(redis: RedisServer, hasty_port: int) -> None:
    """503 while Redis does not answer; when it resumes, so does the replica."""
    await eventually_async(partial(all_served, hasty_port))
    await redis.pause()
    answers = await everything(hasty_port)
    assert statuses(answers) == [503] * 4
    assert {answer.header("retry-after") for answer in answers} == {"5"}
    assert (await ask(hasty_port, "/health")).status == 200
    await redis.resume()
    await eventually_async(partial(all_served, hasty_port))


async def test_many_clients_while_redis_hangs(redis: RedisServer, hasty_port: int) -> None:
    """Clients do not wait for each other: each gets its 503."""
    await redis.pause()
    answers = await asyncio.gather(*(ask(hasty_port, PATHS[n % 4]) for n in range(200)))
    assert set(statuses(answers)) == {503}
    await redis.resume()
    await eventually_async(partial(all_served, hasty_port))
