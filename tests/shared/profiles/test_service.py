"""The profile cache in front of its source: which process asks, what waits, what is stored."""

from __future__ import annotations

import asyncio

import pytest

from shared.config import ProfileSettings
from shared.model.profile_extras import NOTHING
from shared.profiles.cache import FAILURE_TTL_S, CachedProfile, Claim, ProfileCache
from shared.profiles.service import ProfileService
from shared.profiles.sources.source import SourceFailed, SourceStopped
from shared.redis import keys
from shared.redis.store import Save, Store
from testing.eventually import PATIENCE, eventually
from testing.logged import own_lines
from tests.shared.profiles.conftest import GUILD, USER
from tests.shared.profiles.readers import (
    KNOWN,
    NEWER,
    SHORT,
    STRANGER,
    TTL,
    make_old,
    profiles_of,
    until_cached,
)
from tests.shared.profiles.scripted_source import ScriptedSource


async def test_without_a_source_redis_is_not_asked() -> None:
    """Source `off` gives None at once, even where no Redis runs."""
    async with Store.connect("redis://127.0.0.1:1") as nowhere:
        assert await profiles_of(None, nowhere).extras(USER) is None


@pytest.mark.parametrize(
    "settings", [ProfileSettings(profile_source="off"), ProfileSettings(discord_token="")]
)
async def test_settings_may_name_no_source(settings: ProfileSettings, store: Store) -> None:
    """With `off`, and with `discord` without a token, there is no source to ask."""
    async with ProfileService.connect(settings, store) as profiles:
        assert await profiles.extras(USER) is None
        assert not profiles.can_answer
    assert not await store.redis.exists(keys.profile(USER), keys.profile_lock(USER))


async def test_a_source_that_refuses_the_credentials_is_given_up(store: Store) -> None:
    """It is not asked again, and its readers can find that out."""
    source = ScriptedSource(SourceStopped("401"))
    profiles = profiles_of(source, store)
    assert profiles.can_answer
    assert [await profiles.extras(USER) for _ in range(2)] == [None, None]
    assert not profiles.can_answer
    assert source.asked == [USER]


async def test_an_answer_is_stored_for_the_ttl(store: Store) -> None:
    """The source is asked once, and the answer expires after PROFILE_TTL."""
    source = ScriptedSource(KNOWN)
    profiles = profiles_of(source, store)
    assert [await profiles.extras(USER) for _ in range(3)] == [KNOWN] * 3
    assert source.asked == [USER]
    assert TTL - 10 <= await store.redis.ttl(keys.profile(USER)) <= TTL
    assert not await store.redis.exists(keys.profile_lock(USER))


async def test_an_unknown_user_is_stored_for_the_ttl(store: Store) -> None:
    """That the source knows nothing is an answer like any other."""
    source = ScriptedSource(NOTHING)
    profiles = profiles_of(source, store)
    assert [await profiles.extras(USER) for _ in range(2)] == [NOTHING] * 2
    assert source.asked == [USER]
    assert await store.redis.ttl(keys.profile(USER)) > FAILURE_TTL_S


async def test_many_readers_of_a_process_ask_once(store: Store) -> None:
    """A hundred readers at the same time cause one request, and all get the answer."""
    source = ScriptedSource(KNOWN)
    profiles = profiles_of(source, store)
    assert await asyncio.gather(*(profiles.extras(USER) for _ in range(100))) == [KNOWN] * 100
    assert source.asked == [USER]


class CountingCache(ProfileCache):
    """Counts the reads and the claims of a process."""

    reads = 0
    claims = 0

    async def read(self, user_id: int) -> CachedProfile | None:
        found = await super().read(user_id)
        self.reads += 1
        return found

    async def claim(self, user_id: int) -> Claim:
        self.claims += 1
        return await super().claim(user_id)


async def test_many_readers_of_a_process_claim_once(store: Store) -> None:
    """Nor do they all ask Redis: the process waits once for all of them."""
    cache = CountingCache(store, TTL)
    source = ScriptedSource(KNOWN)
    source.gate.clear()
    profiles = ProfileService(source, cache, reader_timeout_s=10.0)
    readers = [asyncio.create_task(profiles.extras(USER)) for _ in range(10)]
    await eventually(lambda: cache.reads == 10)
    source.gate.set()
    assert await asyncio.gather(*readers) == [KNOWN] * 10
    assert cache.claims == 1


async def test_two_processes_ask_once(store: Store, redis_url: str) -> None:
    """The process without the claim waits for the answer of the one that has it."""
    sources = ScriptedSource(KNOWN), ScriptedSource(KNOWN)
    async with Store.connect(redis_url, timeout=PATIENCE) as other_store:
        pair = profiles_of(sources[0], store), profiles_of(sources[1], other_store)
        sources[0].gate.clear()
        sources[1].gate.clear()
        readers = [asyncio.create_task(pair[i % 2].extras(USER)) for i in range(20)]
        await eventually(lambda: bool(sources[0].asked or sources[1].asked))
        await pair[1].extras(STRANGER)  # a round trip of each process, in which both might ask
        await pair[0].extras(STRANGER)
        sources[0].gate.set()
        sources[1].gate.set()
        assert await asyncio.gather(*readers) == [KNOWN] * 20
    assert sorted(sources[0].asked + sources[1].asked) == [USER]


async def test_the_source_is_asked_about_monitored_users_only(store: Store) -> None:
    """Of a user in no monitored guild nothing is stored either."""
    source = ScriptedSource(KNOWN)
    assert await profiles_of(source, store).extras(STRANGER) is None
    assert source.asked == []
    assert not await store.redis.exists(keys.profile(STRANGER), keys.profile_lock(STRANGER))


async def test_a_failure_is_stored_for_a_short_time(store: Store) -> None:
    """A source that failed is asked again after some seconds."""
    source = ScriptedSource(SourceFailed("status 500"))
    profiles = profiles_of(source, store)
    assert [await profiles.extras(USER) for _ in range(3)] == [None] * 3
    assert source.asked == [USER]
    for key in (keys.profile(USER), keys.profile_lock(USER)):
        assert 0 < await store.redis.pttl(key) <= FAILURE_TTL_S * 1000
    await store.redis.delete(keys.profile(USER), keys.profile_lock(USER))  # as time does
    source.answer = KNOWN
    assert await profiles.extras(USER) == KNOWN


async def test_a_failure_is_logged_once_a_minute(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says that the source fails, not once per user."""
    other = Save(STRANGER, joined=(GUILD,))
    await store.save([other])
    profiles = profiles_of(ScriptedSource(SourceFailed("it answers with status 500")), store)
    await profiles.extras(USER)
    await profiles.extras(STRANGER)
    assert own_lines(caplog) == [
        "profiles: the profile source fails (it answers with status 500); "
        "sending profiles without it"
    ]


async def test_a_slow_source_does_not_delay_readers(store: Store) -> None:
    """After the timeout the answer is sent without extras, and later readers have them."""
    source = ScriptedSource(KNOWN)
    source.gate.clear()
    profiles = profiles_of(source, store, reader_timeout_s=SHORT)
    assert await profiles.extras(USER) is None
    assert await profiles.extras(USER) is None
    source.gate.set()
    await until_cached(profiles, KNOWN)
    assert source.asked == [USER]


async def test_a_source_that_never_answers_fails(store: Store) -> None:
    """A request that times out counts as a failure."""
    source = ScriptedSource(KNOWN)
    source.gate.clear()
    profiles = ProfileService(
        source, ProfileCache(store, TTL), reader_timeout_s=10.0, request_timeout_s=SHORT
    )
    assert await profiles.extras(USER) is None
    assert 0 < await store.redis.pttl(keys.profile(USER)) <= FAILURE_TTL_S * 1000


async def test_an_old_answer_is_refreshed_ahead(store: Store) -> None:
    """Near the end of its TTL an answer is still used, and refreshed in the background."""
    source = ScriptedSource(KNOWN)
    profiles = profiles_of(source, store)
    await profiles.extras(USER)
    await make_old(store)
    source.answer = NEWER
    source.gate.clear()
    assert [await profiles.extras(USER) for _ in range(5)] == [KNOWN] * 5
    source.gate.set()
    await until_cached(profiles, NEWER)
    assert source.asked == [USER, USER]
    assert await store.redis.ttl(keys.profile(USER)) > TTL / 2


async def test_a_refresh_that_fails_keeps_the_old_answer(store: Store) -> None:
    """The old answer is used on, and the source is not asked again meanwhile."""
    source = ScriptedSource(KNOWN)
    profiles = profiles_of(source, store)
    await profiles.extras(USER)
    await make_old(store)
    source.answer = SourceFailed("status 500")
    assert await profiles.extras(USER) == KNOWN
    await eventually(lambda: len(source.asked) == 2)
    assert [await profiles.extras(USER) for _ in range(5)] == [KNOWN] * 5
    await profiles.close()
    assert source.asked == [USER, USER]


async def test_the_claim_of_a_dead_process_expires(store: Store) -> None:
    """A process that waits for a dead one asks when the claim has expired."""
    source = ScriptedSource(KNOWN)
    await store.redis.set(keys.profile_lock(USER), "dead", px=100)
    assert await profiles_of(source, store).extras(USER) == KNOWN
    assert source.asked == [USER]


async def test_waiting_for_another_process_has_the_same_timeout(store: Store) -> None:
    """A reader does not wait longer for another process than for the source."""
    source = ScriptedSource(KNOWN)
    await store.redis.set(keys.profile_lock(USER), "another process", px=60_000)
    assert await profiles_of(source, store, reader_timeout_s=SHORT).extras(USER) is None
    assert source.asked == []


async def test_closing_releases_the_claim(store: Store) -> None:
    """A process that stops leaves the request to the next one."""
    source = ScriptedSource(KNOWN)
    source.gate.clear()
    profiles = profiles_of(source, store)
    reader = asyncio.create_task(profiles.extras(USER))
    await eventually(lambda: bool(source.asked))
    await profiles.close()
    with pytest.raises(asyncio.CancelledError):
        await reader
    assert not await store.redis.exists(keys.profile_lock(USER))


async def test_nothing_is_stored_of_a_user_who_has_left(store: Store) -> None:
    """An answer that arrives after the user has left the last guild is discarded."""
    source = ScriptedSource(KNOWN)
    source.gate.clear()
    profiles = profiles_of(source, store)
    reader = asyncio.create_task(profiles.extras(USER))
    await eventually(lambda: bool(source.asked))
    await store.save([Save(USER, left=(GUILD,))])
    source.gate.set()
    await reader
    assert not await store.redis.exists(keys.profile(USER), keys.profile_lock(USER))


async def test_the_entry_is_deleted_when_the_user_leaves(store: Store) -> None:
    """When they leave the last guild, that is."""
    await profiles_of(ScriptedSource(KNOWN), store).extras(USER)
    await store.save([Save(USER, left=(GUILD,))])
    assert not await store.redis.exists(keys.profile(USER))
