"""Fixtures of the tests of accounts: a real Redis for everything."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from shared.redis.store import Store
from testing.eventually import PATIENCE


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[Store]:
    async with Store.connect(redis_url, timeout=PATIENCE) as store:
        yield store
