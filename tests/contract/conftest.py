"""The suite runs over fakeredis and a real Redis: so the fake is proven for use elsewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
from fakeredis import FakeAsyncRedis, FakeServer
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from shared.redis.store import Store

Connect = Callable[[], Redis]


@pytest.fixture(params=["fakeredis", "redis"])
def connect(request: pytest.FixtureRequest, shared_redis: object) -> Connect:
    """Makes clients of one empty Redis; each stands for one process."""
    if request.param == "fakeredis":
        server = FakeServer()
        return lambda: FakeAsyncRedis(server=server, protocol=2)
    url: str = request.getfixturevalue("redis_url")
    return lambda: Redis.from_url(url, protocol=2, retry=Retry(NoBackoff(), 0))


@pytest.fixture
async def store(connect: Connect) -> AsyncIterator[Store]:
    async with Store(connect(), timeout=5.0) as store:
        yield store
