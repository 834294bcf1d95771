"""A profile source that fails: answers are sent without its extras."""

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
from testing.logged import own_records
from tests.shared.profiles.conftest import GUILD, USER
from tests.shared.profiles.readers import (
    KNOWN,
    SHORT,
    STRANGER,
    profiles_of,
    until_cached,
)
from tests.shared.profiles.scripted_source import ScriptedSource


def with_usual_timeout(profiles: ProfileService) -> ProfileService:
    """Restore a long timeout: a reader that waited would be noticed."""
    profiles._reader_timeout_s = 10.0
    return profiles


async def test_redis_away_is_no_error() -> None:
    """Reading the presence fails then; the extras are only missing."""
    async with Store.connect("redis://127.0.0.1:1") as nowhere:
        assert await profiles_of(ScriptedSource(KNOWN), nowhere).extras(USER) is None


@pytest.mark.parametrize("entry", [b'{"facts":7}', b"{}", b"", b"\xff", b'{"facts":{"bio":'])
async def test_an_unreadable_entry_counts_as_a_failure(store: Store, entry: bytes) -> None:
    """What another version of Grux has written is kept until it expires."""
    source = ScriptedSource(KNOWN)
    await store.redis.set(keys.profile(USER), entry, px=60_000 * 5)
    assert await profiles_of(source, store).extras(USER) is None
    assert source.asked == []


async def test_a_bug_costs_the_extras_and_not_the_answer(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """An unexpected exception is logged with its traceback and counts as a failure."""
    profiles = profiles_of(ScriptedSource(ZeroDivisionError()), store)
    assert await profiles.extras(USER) is None
    [record] = own_records(caplog)
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError


async def test_a_stopped_source_is_not_asked_again(store: Store) -> None:
    """After the source has reported that no request can succeed, there are none."""
    await store.save([Save(STRANGER, joined=(GUILD,))])
    source = ScriptedSource(SourceStopped("the token is refused"))
    profiles = profiles_of(source, store)
    assert await profiles.extras(USER) is None
    assert await profiles.extras(STRANGER) is None
    assert source.asked == [USER]


async def test_a_slow_source_delays_one_reader_only(store: Store) -> None:
    """After one has timed out the others are answered at once, and one probe is under way."""
    source = ScriptedSource(KNOWN)
    source.gate.clear()
    profiles = profiles_of(source, store, reader_timeout_s=SHORT)
    assert await profiles.extras(USER) is None
    profiles = with_usual_timeout(profiles)
    await store.save([Save(user_id, joined=(GUILD,)) for user_id in range(1, 50)])
    for user_id in range(1, 50):
        assert await profiles.extras(user_id) is None
    assert source.asked == [USER]
    await profiles.close()


async def test_readers_wait_again_for_a_source_that_has_recovered(store: Store) -> None:
    """A probe that is answered in time closes the circuit."""
    source = ScriptedSource(KNOWN)
    source.gate.clear()
    profiles = profiles_of(source, store, reader_timeout_s=SHORT)
    await store.save([Save(user_id, joined=(GUILD,)) for user_id in (1, 2)])
    assert await profiles.extras(USER) is None
    await eventually(lambda: source.asked)
    await asyncio.sleep(2 * SHORT)  # the request itself takes longer than the timeout
    source.gate.set()
    await until_cached(profiles, KNOWN)
    profiles = with_usual_timeout(profiles)
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


async def test_readers_that_do_not_wait_are_counted(store: Store) -> None:
    """A source that never answers: one timeout, and readers that met the open circuit."""
    source = ScriptedSource(KNOWN)
    source.gate.clear()
    cache = ProfileCache(store, 300)
    profiles = ProfileService(
        source, cache, reader_timeout_s=SHORT, request_timeout_s=2 * SHORT, name="silent"
    )
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
