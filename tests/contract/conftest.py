"""The suite runs over fakeredis, a real Redis and a real Valkey: so the fake is proven for use
elsewhere, and Valkey for use in place of Redis."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
from fakeredis import FakeAsyncRedis, FakeServer
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from shared.redis.connections import PackedConnection
from shared.redis.store import Store
from testing import valkey_binary
from testing.eventually import PATIENCE
from testing.redis_server import RedisServer

Connect = Callable[[], Redis]

VALKEY = pytest.param(
    "valkey",
    marks=pytest.mark.skipif(
        valkey_binary.find() is None, reason="neither on the PATH nor installed by `make test`"
    ),
)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_valkey() -> AsyncIterator[RedisServer | None]:
    """One real Valkey for this suite; None where there is none."""
    binary = valkey_binary.find()
    if binary is None:
        yield None
        return
    async with RedisServer(binary=binary) as server:
        yield server


@pytest.fixture(params=["redis", VALKEY])
async def server_url(
    request: pytest.FixtureRequest, shared_redis: RedisServer, shared_valkey: RedisServer
) -> str:
    """The URL of a real, empty server."""
    server = shared_redis if request.param == "redis" else shared_valkey
    await server.flush()
    return server.url


@pytest.fixture(params=["redis", VALKEY])
async def own_server(request: pytest.FixtureRequest) -> AsyncIterator[RedisServer]:
    """A real server that the test may kill and pause."""
    binary = valkey_binary.find() if request.param == "valkey" else None
    async with RedisServer(binary=binary or "") as server:
        yield server


@pytest.fixture(params=["fakeredis", "redis", VALKEY])
async def connect(
    request: pytest.FixtureRequest, shared_redis: RedisServer, shared_valkey: RedisServer
) -> Connect:
    """Makes clients of one empty server; each stands for one process."""
    if request.param == "fakeredis":
        fake = FakeServer()
        return lambda: FakeAsyncRedis(server=fake, protocol=2)
    server = shared_redis if request.param == "redis" else shared_valkey
    await server.flush()
    return lambda: Redis.from_url(
        server.url, protocol=2, retry=Retry(NoBackoff(), 0), connection_class=PackedConnection
    )


@pytest.fixture
async def store(connect: Connect) -> AsyncIterator[Store]:
    async with Store(connect(), timeout=PATIENCE) as store:
        yield store
