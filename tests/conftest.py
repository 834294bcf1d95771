"""Fixtures that every room may use."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, settings

from testing.loop_clock import LoopClock
from testing.redis_server import RedisServer

# The same examples in every run, and as many as fit into it. `--hypothesis-profile=fuzz` looks for
# new ones. Fixtures stand over all examples of a test: a server has to survive every one of them.
settings.register_profile(
    "suite",
    deadline=None,
    derandomize=True,
    max_examples=100,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.register_profile(
    "fuzz", settings.get_profile("suite"), derandomize=False, max_examples=3000
)
settings.load_profile("suite")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_redis() -> AsyncIterator[RedisServer]:
    """One real Redis for the whole run. Tests that kill or pause it start one of their own."""
    async with RedisServer() as server:
        yield server


@pytest.fixture
async def redis_url(shared_redis: RedisServer) -> str:
    """The URL of a real, empty Redis."""
    await shared_redis.flush()
    return shared_redis.url


@pytest.fixture
async def clock() -> AsyncIterator[LoopClock]:
    """Simulated time on the loop of this test, and of its own async fixtures after this one."""
    with LoopClock.installed() as clock:
        yield clock
