"""The ws room: a server in this process, on the loop that production uses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import uvloop

from shared.redis.store import Store
from testing.eventually import PATIENCE
from testing.redis_server import RedisServer
from tests.ws.ws_fixture import Room


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def room(redis_url: str) -> AsyncIterator[Room]:
    """Servers and people over the shared Redis, which answers, however busy this machine is."""
    async with Store.connect(redis_url, timeout=PATIENCE) as store:
        yield Room(redis_url, store, timeout=PATIENCE)


@pytest.fixture
async def own_redis() -> AsyncIterator[RedisServer]:
    """A Redis that the test may kill."""
    async with RedisServer() as server:
        yield server


@pytest.fixture
async def own_room(own_redis: RedisServer) -> AsyncIterator[Room]:
    """Servers and people over a Redis that the test may kill."""
    async with Store.connect(own_redis.url, timeout=PATIENCE) as store:
        yield Room(own_redis.url, store)
