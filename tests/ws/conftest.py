"""Fixtures of the ws tests: servers in this process, on the event loop of production."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import uvloop

from shared.redis import kv_copies
from shared.redis.store import Store
from testing.eventually import PATIENCE
from testing.redis_server import RedisServer
from tests.ws.ws_fixture import Backend


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may need longer than a reader waits."""
    monkeypatch.setattr(kv_copies, "READ_TIMEOUT_S", PATIENCE)


@pytest.fixture
async def backend(redis_url: str) -> AsyncIterator[Backend]:
    """Servers over the shared Redis, with a timeout that a busy machine does not exceed."""
    async with Store.connect(redis_url, timeout=PATIENCE) as store:
        yield Backend(redis_url, store, timeout=PATIENCE)


@pytest.fixture
async def own_redis() -> AsyncIterator[RedisServer]:
    """A Redis that the test may stop."""
    async with RedisServer() as server:
        yield server


@pytest.fixture
async def own_backend(own_redis: RedisServer) -> AsyncIterator[Backend]:
    """Servers over a Redis that the test may stop."""
    async with Store.connect(own_redis.url, timeout=PATIENCE) as store:
        yield Backend(own_redis.url, store)
