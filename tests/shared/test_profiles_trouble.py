"""A profile source in trouble: answers go out without its facts."""

from __future__ import annotations

import logging

import pytest

from shared import keys
from shared.facts import Facts
from shared.profile_cache import ProfileCache
from shared.profiles import Profiles
from shared.sources.source import SourceStopped
from shared.store import Save, Store
from tests.eventually import eventually_async
from tests.shared.conftest import GUILD, USER
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


async def test_redis_away_is_no_error() -> None:
    """Presence fails by itself then; facts are only missing."""
    async with Store.connect("redis://127.0.0.1:1") as nowhere:
        assert await profiles_of(ScriptedSource(KNOWN), nowhere).facts(USER) is None


@pytest.mark.parametrize("entry", [b'{"facts":7}', b"{}", b"", b"\xff", b'{"facts":{"bio":'])
async def test_an_unreadable_entry_counts_as_a_failure(store: Store, entry: bytes) -> None:
    """What another version of Grux has written is left alone until it ends."""
    source = ScriptedSource(KNOWN)
    await store.redis.set(keys.profile(USER), entry, px=60_000 * 5)
    assert await profiles_of(source, store).facts(USER) is None
    assert source.asked == []


async def test_a_bug_costs_the_facts_not_the_answer(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """An error that nobody expected is logged with its traceback and counts as a failure."""
    profiles = profiles_of(ScriptedSource(ZeroDivisionError()), store)
    assert await profiles.facts(USER) is None
    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError


async def test_a_stopped_source_is_not_asked_again(store: Store) -> None:
    """After the source has said that asking is of no use, nobody is asked about."""
    await store.save([Save(STRANGER, joined=(GUILD,))])
    source = ScriptedSource(SourceStopped("the token is refused"))
    profiles = profiles_of(source, store)
    assert await profiles.facts(USER) is None
    assert await profiles.facts(STRANGER) is None
    assert source.asked == [USER]
