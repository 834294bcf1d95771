"""Fixtures of the tests of accounts: a real Redis for everything."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from shared.redis.store import Store
from testing.eventually import PATIENCE
from tests.accounts.visitor import Site, Visitor, site


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[Store]:
    async with Store.connect(redis_url, timeout=PATIENCE) as store:
        yield store


@pytest.fixture
async def here(store: Store) -> AsyncIterator[Site]:
    async with site(store) as here:
        yield here


@pytest.fixture
async def robin(here: Site) -> AsyncIterator[Visitor]:
    """Signed in."""
    async with here.visitor() as visitor:
        await visitor.sign_in()
        yield visitor
