"""Fixtures of the api's tests: a real Redis that holds the golden users, and one replica."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from services.api.middleware.response_cache import ResponseCache
from shared.redis import kv_copies
from shared.redis.store import Store
from testing.eventually import PATIENCE
from tests.api.golden import GOLDEN
from tests.api.replica import serving, warm


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may need longer than a reader waits."""
    monkeypatch.setattr(kv_copies, "READ_TIMEOUT_S", PATIENCE)


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[Store]:
    async with Store.connect(redis_url, timeout=PATIENCE) as store:
        await store.save([golden.save() for golden in GOLDEN.values()])
        yield store


@pytest.fixture(params=["from Redis", "from memory"])
async def port(request: pytest.FixtureRequest, store: Store) -> AsyncIterator[int]:
    """The port of a replica without a profile source: the contract holds on both paths."""
    if request.param == "from Redis":
        async with serving(store) as port:
            yield port
        return
    cache = ResponseCache()
    async with serving(store, cache=cache) as port:
        routes = ("user", "activity")
        await warm(port, cache, *(f"/{r}/{g.user_id}" for r in routes for g in GOLDEN.values()))
        yield port
