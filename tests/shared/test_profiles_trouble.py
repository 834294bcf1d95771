"""A profile source in trouble: answers go out without its facts."""

from __future__ import annotations

import asyncio
import logging

import pytest
from prometheus_client import REGISTRY

from shared.model.profile_extras import NOTHING, ProfileExtras
from shared.profiles.cache import ProfileCache
from shared.profiles.service import OUTCOMES, ProfileService
from shared.profiles.sources.source import SourceFailed, SourceStopped
from shared.redis import keys
from shared.redis.store import Save, Store
from testing.eventually import eventually, eventually_async
from tests.shared.conftest import GUILD, USER
from tests.shared.readers import (
    KNOWN,
    SHORT,
    STRANGER,
    profiles_of,
    until_cached,
)
from tests.shared.scripted_source import ScriptedSource


def slow_down(profiles: ProfileService) -> ProfileService:
    """Give the cap its usual length: from here on waiting would show."""
    profiles._cap = 10.0
    return profiles


async def test_redis_away_is_no_error() -> None:
    """Presence fails by itself then; facts are only missing."""
    async with Store.connect("redis://127.0.0.1:1") as nowhere:
        assert await profiles_of(ScriptedSource(KNOWN), nowhere).extras(USER) is None


@pytest.mark.parametrize("entry", [b'{"facts":7}', b"{}", b"", b"\xff", b'{"facts":{"bio":'])
async def test_an_unreadable_entry_counts_as_a_failure(store: Store, entry: bytes) -> None:
    """What another version of Grux has written is left alone until it ends."""
    source = ScriptedSource(KNOWN)
    await store.redis.set(keys.profile(USER), entry, px=60_000 * 5)
    assert await profiles_of(source, store).extras(USER) is None
    assert source.asked == []


async def test_a_bug_costs_the_facts_not_the_answer(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """An error that nobody expected is logged with its traceback and counts as a failure."""
    profiles = profiles_of(ScriptedSource(ZeroDivisionError()), store)
    assert await profiles.extras(USER) is None
    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError


async def test_a_stopped_source_is_not_asked_again(store: Store) -> None:
    """After the source has said that asking is of no use, nobody is asked about."""
    await store.save([Save(STRANGER, joined=(GUILD,))])
    source = ScriptedSource(SourceStopped("the token is refused"))
    profiles = profiles_of(source, store)
    assert await profiles.extras(USER) is None
    assert await profiles.extras(STRANGER) is None
    assert source.asked == [USER]


async def test_a_slow_source_holds_up_one_reader_only(store: Store) -> None:
    """After one waited in vain the others are answered at once, and one probe is under way."""
    source = ScriptedSource(KNOWN)
    source.gate.clear()
    profiles = profiles_of(source, store, cap=SHORT)
    assert await profiles.extras(USER) is None
    profiles = slow_down(profiles)
    await store.save([Save(user_id, joined=(GUILD,)) for user_id in range(1, 50)])
    for user_id in range(1, 50):
        assert await profiles.extras(user_id) is None
    assert source.asked == [USER]
    await profiles.close()


async def test_a_source_that_is_quick_again_is_waited_for(store: Store) -> None:
    """A probe that comes back in time closes the circuit."""
    source = ScriptedSource(KNOWN)
    source.gate.clear()
    profiles = profiles_of(source, store, cap=SHORT)
    await store.save([Save(user_id, joined=(GUILD,)) for user_id in (1, 2)])
    assert await profiles.extras(USER) is None
    await eventually(lambda: source.asked)
    await asyncio.sleep(2 * SHORT)  # the source itself takes longer than the cap
    source.gate.set()
    await until_cached(profiles, KNOWN)
    profiles = slow_down(profiles)
    assert await profiles.extras(1) is None
    await eventually_async(lambda: store.redis.exists(keys.profile(1)))
    assert await profiles.extras(2) == KNOWN


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (KNOWN, "ok"),
        (NOTHING, "nothing"),
        (SourceFailed("it answers with status 500"), "failed"),
        (ZeroDivisionError(), "failed"),
        (SourceStopped("the token is refused"), "stopped"),
    ],
)
async def test_every_fetch_is_counted_by_its_outcome(
    store: Store, answer: ProfileExtras | Exception, outcome: str
) -> None:
    """One of them, and no other."""
    profiles = ProfileService(ScriptedSource(answer), ProfileCache(store, 300), name="counted")
    before = fetches("counted")
    await profiles.extras(USER)
    assert fetches("counted") == before | {outcome: before[outcome] + 1}


async def test_whoever_does_not_wait_is_counted(store: Store) -> None:
    """A source that never answers: one timeout, and the readers whom the circuit spared."""
    source = ScriptedSource(KNOWN)
    source.gate.clear()
    cache = ProfileCache(store, 300)
    profiles = ProfileService(source, cache, cap=SHORT, ask_within=2 * SHORT, name="silent")
    await store.save([Save(STRANGER, joined=(GUILD,))])
    assert await profiles.extras(USER) is None
    assert await profiles.extras(STRANGER) is None
    await eventually(lambda: fetches("silent")["timeout"] == 1)
    assert fetches("silent")["open"] == 1
    await profiles.close()


def fetches(source: str) -> dict[str, float]:
    """How often each outcome was counted."""
    name = "grux_profile_fetches_total"
    return {
        one: REGISTRY.get_sample_value(name, {"source": source, "outcome": one}) or 0.0
        for one in OUTCOMES
    }
