"""Readers of facts, as the api and ws have them, for tests of the cache and of trouble."""

from __future__ import annotations

from shared.model.profile_extras import ProfileExtras
from shared.profiles.cache import ProfileCache
from shared.profiles.service import ProfileService
from shared.redis import keys
from shared.redis.store import Store
from testing.eventually import eventually_async
from tests.shared.conftest import USER
from tests.shared.scripted_source import ScriptedSource

KNOWN = ProfileExtras(bio="Hello")
NEWER = ProfileExtras(bio="Hello again")
TTL = 300
STRANGER = USER + 1
SHORT = 0.05  # seconds: a cap for tests whose source does not answer


def profiles_of(source: ScriptedSource | None, store: Store, cap: float = 10.0) -> ProfileService:
    """What one process has. The cap is long, unless the test is about it."""
    return ProfileService(source, ProfileCache(store, TTL), cap=cap)


async def until_cached(profiles: ProfileService, facts: ProfileExtras) -> None:
    async def cached() -> bool:
        return await profiles.extras(USER) == facts

    await eventually_async(cached)


async def make_old(store: Store) -> None:
    """Let the entry reach the age from which it is asked for anew."""
    await store.redis.pexpire(keys.profile(USER), TTL * 1000 // 5 - 1000)
