"""Fixtures of the profile cache's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from shared.redis.store import Fields, Save, Store
from testing.eventually import PATIENCE

USER = 1274150219482660897
GUILD = 492605905305600005


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[Store]:
    """A real, empty Redis but for one monitored user, USER."""
    async with Store.connect(redis_url, timeout=PATIENCE) as store:
        await store.save([Save(USER, Fields(b"{}", b"{}", b"{}"), joined=(GUILD,))])
        yield store
