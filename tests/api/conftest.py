"""Fixtures of the API's tests: a real Redis with the golden users in it, and one replica."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from shared.store import Store
from tests.api.golden import GOLDEN
from tests.api.replica import serving


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[Store]:
    async with Store.connect(redis_url) as store:
        await store.save([golden.save() for golden in GOLDEN.values()])
        yield store


@pytest.fixture
async def port(store: Store) -> AsyncIterator[int]:
    """The port of a replica without a profile source."""
    async with serving(store) as port:
        yield port
