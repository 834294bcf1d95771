"""Which users are watched: by the subscriptions and the cached profiles in Redis."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.redis import keys
from shared.redis.store import Store
from shared.redis.watched import watched
from tests.contract.conftest import Connect

FOLLOWED, READ, IGNORED = 161092844126208001, 161092844126208002, 161092844126208003


@asynccontextmanager
async def followed(connect: Connect, user_id: int) -> AsyncIterator[None]:
    redis = connect()
    async with redis.pubsub() as pubsub:
        await pubsub.subscribe(keys.presence(user_id))
        await pubsub.get_message(timeout=5.0)
        yield
    await redis.aclose()


async def test_followed_and_read_users_are_watched(store: Store, connect: Connect) -> None:
    """In the order of the question, each once."""
    await store.redis.set(keys.profile(READ), b"{}", px=60_000)
    async with followed(connect, FOLLOWED):
        assert await watched(store, [IGNORED, READ, FOLLOWED]) == [READ, FOLLOWED]
        assert await watched(store, [IGNORED]) == []
    assert await watched(store, []) == []
