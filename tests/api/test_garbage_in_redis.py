"""Another program writes garbage into Redis: the api responds cleanly, and serves other users."""

from __future__ import annotations

import logging

import msgspec
import pytest
from hypothesis import given

from services.api.middleware.response_cache import ResponseCache
from shared.model.profile_extras import ProfileExtras
from shared.profiles.cache import Entry
from shared.redis import keys
from shared.redis.store import Store
from testing.eventually import eventually
from testing.logged import forget_earlier_tests
from tests.api.golden import GOLDEN, RICH
from tests.api.http_client import ask
from tests.api.replica import serving, warm
from tests.garbage import NO_JSON_OBJECT, hashes
from tests.shared.profiles.scripted_source import ScriptedSource

OTHER = next(golden for golden in GOLDEN.values() if golden is not RICH)


@given(garbage=hashes)
async def test_a_garbage_hash(store: Store, garbage: dict[str, bytes]) -> None:
    """200 with JSON, or 503; never an unreadable body, and other users are unaffected."""
    await store.redis.delete(keys.presence(RICH.user_id))
    await store.save([RICH.save()])
    await store.redis.hset(
        keys.presence(RICH.user_id), items=[part for pair in garbage.items() for part in pair]
    )
    async with serving(store) as port:
        for route in ("user", "activity", "now-playing"):
            answer = await ask(port, f"/{route}/{RICH.user_id}")
            body = msgspec.json.decode(answer.body)
            assert body["success"] == (answer.status == 200)
            assert answer.status == 200 or body["error"]["code"] == "unavailable"
            assert answer.status in (200, 503)
        assert (await ask(port, f"/user/{OTHER.user_id}")).status == 200


async def test_damage_is_reported_and_repaired(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """503 says what is wrong with this user, without a log line; a save repairs it."""
    forget_earlier_tests(caplog)
    await store.redis.hset(keys.presence(RICH.user_id), "presence", "garbage")
    async with serving(store) as port:
        answer = await ask(port, f"/user/{RICH.user_id}")
        assert (answer.status, answer.header("retry-after")) == (503, "5")
        assert b"is damaged" in answer.body
        await store.save([RICH.save()])
        assert (await ask(port, f"/user/{RICH.user_id}")).status == 200
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_a_key_of_another_type(store: Store) -> None:
    await store.redis.set(keys.presence(RICH.user_id), "no hash")
    async with serving(store) as port:
        assert (await ask(port, f"/activity/{RICH.user_id}")).status == 503
        assert (await ask(port, f"/activity/{OTHER.user_id}")).status == 200


@pytest.mark.parametrize("garbage", NO_JSON_OBJECT)
async def test_garbage_extras(store: Store, garbage: bytes) -> None:
    """The response lacks the profile extras, and nothing else."""
    await store.redis.set(keys.profile(RICH.user_id), garbage, ex=300)
    async with serving(store, source=ScriptedSource()) as port:
        assert (await ask(port, f"/user/{RICH.user_id}")).status == 200


async def test_extras_in_a_key_of_another_type(store: Store) -> None:
    await store.redis.sadd(keys.profile(RICH.user_id), "no string")
    async with serving(store, source=ScriptedSource()) as port:
        assert (await ask(port, f"/user/{RICH.user_id}")).status == 200


async def test_a_profile_of_another_shape(store: Store) -> None:
    """What another version's gateway wrote is sent without extras."""
    entry = msgspec.json.encode(Entry(ProfileExtras(bio="hello")))
    await store.redis.set(keys.profile(RICH.user_id), entry, ex=300)
    await store.redis.hset(keys.presence(RICH.user_id), "profile", '{"id":1}')
    async with serving(store, source=ScriptedSource()) as port:
        answer = await ask(port, f"/user/{RICH.user_id}")
        redirect = await ask(port, f"/avatar/{RICH.user_id}.png")
    assert msgspec.json.decode(answer.body)["data"]["profile"] == {"id": 1, "kv": {}}
    assert redirect.status == 503  # nothing says where their picture is


@pytest.mark.parametrize("name", ["", "{", "}", "{}", "{x}", "{-1}", "{²}", "{" + "9" * 5000 + "}"])
async def test_invalidations_of_foreign_keys(store: Store, name: str) -> None:
    """They neither end the invalidation connection nor count as a lost one."""
    cache = ResponseCache()
    async with serving(store, cache=cache) as port:
        await warm(port, cache, f"/user/{RICH.user_id}")
        for prefix in ("presence:{", "profile:{"):
            await store.redis.set(prefix + name, "x")
        await store.redis.publish("__redis__:invalidate", "x")
        await store.redis.hset(keys.presence(RICH.user_id), "presence", '{"status":"dnd"}')
        await eventually(lambda: cache.get(f"/user/{RICH.user_id}") is None)
        assert cache.trusted
        assert b'"dnd"' in (await ask(port, f"/user/{RICH.user_id}")).body
