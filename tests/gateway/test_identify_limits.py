"""IdentifyLimiter to identify, over two processes and one Redis."""

from __future__ import annotations

import asyncio

import pytest
from fakeredis import FakeAsyncRedis, FakeServer

from services.gateway.discord import identify_limits as turns_module
from services.gateway.discord.identify_limits import IdentifyLimiter
from shared.redis import keys
from shared.redis.store import Store
from testing.eventually import PATIENCE, eventually_async


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


def process(server: FakeServer) -> Store:
    """A store of its own, as another process would have."""
    return Store(FakeAsyncRedis(server=server), timeout=1.0)


async def test_turns_to_identify_are_shared_by_processes(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One in a while for each bucket; another bucket has its own."""
    monkeypatch.setattr(turns_module, "IDENTIFY_EVERY", 0.3)
    monkeypatch.setattr(turns_module, "SLACK", 0.0)
    first, second = (IdentifyLimiter(process(server), 2) for _ in range(2))
    await first.wait(0)
    async with asyncio.timeout(PATIENCE):
        await second.wait(1)
    store = process(server)
    waiting = asyncio.create_task(second.wait(2))
    assert not (await asyncio.wait({waiting}, timeout=0))[0]
    await eventually_async(lambda: _gone(store, keys.identify(0)))
    async with asyncio.timeout(PATIENCE):
        await waiting


async def test_turns_without_redis_do_not_hold_up(server: FakeServer) -> None:
    """Discord is more important than the pace."""
    turns = IdentifyLimiter(process(server), 1)
    server.connected = False
    async with asyncio.timeout(PATIENCE):
        await turns.wait(0)


async def _gone(store: Store, key: str) -> bool:
    return not await store.redis.exists(key)
