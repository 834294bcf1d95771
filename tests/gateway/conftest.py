from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from services.gateway import writer as writer_module
from tests.ended import ended
from tests.gateway.desk import Desk


@pytest.fixture
async def desk(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    monkeypatch.setattr(writer_module, "FIRST_RETRY", 0.001)
    monkeypatch.setattr(writer_module, "LAST_RETRY", 0.001)
    desk = Desk()
    task = asyncio.create_task(desk.writer.run())
    yield desk
    await ended(task)
    await desk.store.redis.aclose()
