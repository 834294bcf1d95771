"""Fixtures that every room may use."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.redis_server import RedisServer


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
