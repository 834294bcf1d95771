"""The profile service of one process, for tests of the cache and of failures."""

from __future__ import annotations

from shared.model.profile_extras import ProfileExtras
from shared.profiles.cache import ProfileCache
from shared.profiles.service import ProfileService
from shared.redis import keys
from shared.redis.store import Store
from testing.eventually import eventually_async
from tests.shared.profiles.conftest import USER
from tests.shared.profiles.scripted_source import ScriptedSource

KNOWN = ProfileExtras(bio="Hello")
NEWER = ProfileExtras(bio="Hello again")
TTL = 300
STRANGER = USER + 1
SHORT = 0.05  # seconds: a timeout for tests whose source does not answer


def profiles_of(
    source: ScriptedSource | None, store: Store, reader_timeout_s: float = 10.0
) -> ProfileService:
    """The service of one process. The timeout is long, unless the test is about it."""
    return ProfileService(source, ProfileCache(store, TTL), reader_timeout_s=reader_timeout_s)


async def until_cached(profiles: ProfileService, extras: ProfileExtras) -> None:
    async def cached() -> bool:
        return await profiles.extras(USER) == extras

    await eventually_async(cached)


async def make_old(store: Store) -> None:
    """Let the entry reach the age from which it is refreshed."""
    await store.redis.pexpire(keys.profile(USER), TTL * 1000 // 5 - 1000)
