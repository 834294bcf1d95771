from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from fakeredis import FakeServer

from tests.ended import ended
from tests.gateway.writer_fixture import WriterFixture


@pytest.fixture
async def writing() -> AsyncIterator[WriterFixture]:
    """A writer that runs."""
    fixture = WriterFixture()
    task = asyncio.create_task(fixture.writer.run())
    yield fixture
    await ended(task)
    await fixture.store.redis.aclose()


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()
