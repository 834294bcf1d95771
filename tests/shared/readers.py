"""Readers of facts, as the api and ws have them, for tests of the cache and of trouble."""

from __future__ import annotations

from shared import keys
from shared.facts import Facts
from shared.profile_cache import ProfileCache
from shared.profiles import Profiles
from shared.store import Store
from tests.eventually import eventually_async
from tests.shared.conftest import USER
from tests.shared.scripted_source import ScriptedSource

KNOWN = Facts(bio="Hello")
NEWER = Facts(bio="Hello again")
TTL = 300
STRANGER = USER + 1
SHORT = 0.05  # seconds: a cap for tests whose source does not answer


def profiles_of(source: ScriptedSource | None, store: Store, cap: float = 10.0) -> Profiles:
    """What one process has. The cap is long, unless the test is about it."""
    return Profiles(source, ProfileCache(store, TTL), cap=cap)


async def until_cached(profiles: Profiles, facts: Facts) -> None:
    async def cached() -> bool:
        return await profiles.facts(USER) == facts

    await eventually_async(cached)


async def make_old(store: Store) -> None:
    """Let the entry reach the age from which it is asked for anew."""
    await store.redis.pexpire(keys.profile(USER), TTL * 1000 // 5 - 1000)
