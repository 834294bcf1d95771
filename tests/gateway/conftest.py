from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from fakeredis import FakeServer

from services.gateway.sync import lease as lease_module
from services.gateway.sync import writer as writer_module
from tests.ended import ended
from tests.gateway.leases import QUICK
from tests.gateway.writer_fixture import Desk


@pytest.fixture
async def desk(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    monkeypatch.setattr(writer_module, "FIRST_RETRY", 0.001)
    monkeypatch.setattr(writer_module, "LAST_RETRY", 0.001)
    desk = Desk()
    task = asyncio.create_task(desk.writer.run())
    yield desk
    await ended(task)
    await desk.store.redis.aclose()


@pytest.fixture
def quick_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in QUICK.items():
        monkeypatch.setattr(lease_module, name, seconds)


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()
