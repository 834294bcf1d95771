"""Fixtures of the cards service's tests: a real Redis with the golden users, and one replica."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from shared.redis.store import Store
from testing.eventually import PATIENCE
from tests.api.golden import GOLDEN
from tests.cards.cards_fixture import serving_cards
from tests.cards.image_server import ImageServer, serving_images


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[Store]:
    async with Store.connect(redis_url, timeout=PATIENCE) as store:
        await store.save([golden.save() for golden in GOLDEN.values()])
        yield store


@pytest.fixture
async def port(store: Store) -> AsyncIterator[int]:
    """The port of a replica without images."""
    async with serving_cards(store) as port:
        yield port


@pytest.fixture
async def server() -> AsyncIterator[ImageServer]:
    """A server of images, some of them hostile."""
    async with serving_images() as server:
        yield server
