"""The Redis that keeps what users write: it should persist, and must not evict."""

from __future__ import annotations

import asyncio
import logging

import pytest

from shared.redis.durable import warn_if_volatile
from shared.redis.store import Store
from testing.eventually import PATIENCE
from testing.logged import own_lines
from testing.redis_server import RedisServer
from tests.doctor.examination import examined
from tests.doctor.test_redis import QUIET

PERSISTS = "persists what users write"
LOSES = "does not persist"
EVICTS = "evicts what users wrote"


async def test_a_durable_redis_of_its_own() -> None:
    """It alone has to persist; REDIS_URL's need not."""
    async with (
        RedisServer() as redis,
        RedisServer() as durable,
        Store.connect(durable.url, timeout=PATIENCE) as store,
    ):
        env = {**QUIET, "REDIS_URL": redis.url, "DURABLE_REDIS_URL": durable.url}
        assert (await examined(env)).level(LOSES) == "warning"
        await store.redis.config_set("appendonly", "yes")
        assert (await examined(env)).level(PERSISTS) == "ok"
        await store.redis.config_set("maxmemory-policy", "allkeys-lru")
        assert (await examined(env)).level(EVICTS) == "warning"


async def test_it_is_that_of_redis_url_by_default() -> None:
    async with RedisServer() as redis, Store.connect(redis.url, timeout=PATIENCE) as store:
        env = {**QUIET, "REDIS_URL": redis.url}
        assert (await examined(env)).level(LOSES) == "warning"
        await store.redis.config_set("appendonly", "yes")
        assert (await examined(env)).level(PERSISTS) == "ok"


async def test_it_does_not_answer() -> None:
    async with RedisServer() as redis:
        env = {**QUIET, "REDIS_URL": redis.url, "DURABLE_REDIS_URL": "redis://:pw12@127.0.0.1:1/0"}
        said = await examined(env)
    assert said.level("DURABLE_REDIS_URL does not work") == "failure"
    assert "pw12" not in said.printed


async def test_api_warns_when_it_starts(caplog: pytest.LogCaptureFixture) -> None:
    """Once, as soon as the server answers."""
    async with RedisServer() as durable, Store.connect(durable.url, timeout=PATIENCE) as store:
        with caplog.at_level(logging.WARNING):
            async with asyncio.timeout(PATIENCE):
                await warn_if_volatile(store)
    [line] = own_lines(caplog)
    assert LOSES in line
