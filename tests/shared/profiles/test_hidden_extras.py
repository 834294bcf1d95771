"""What a user hides is in no entry of the profile cache."""

from __future__ import annotations

import asyncio

import msgspec

from shared.model.profile_extras import ProfileExtras
from shared.model.snapshot import ConnectedAccount
from shared.profiles.cache import Claim, ProfileCache
from shared.redis import keys
from shared.redis.profile_entries import load_hidden, save_entry
from shared.redis.store import Fields, Save, Store
from testing.eventually import eventually
from tests.shared.profiles.conftest import USER
from tests.shared.profiles.readers import KNOWN, TTL, profiles_of
from tests.shared.profiles.scripted_source import ScriptedSource

SECRETIVE = ProfileExtras(
    bio="Hello",
    connected_accounts=[ConnectedAccount("github", "robin", "https://github.com/robin")],
)


async def hide(store: Store, *names: str) -> None:
    """The gateway writes what the user hides."""
    hidden = msgspec.json.encode(sorted(names)) if names else b""
    [saved] = await store.save([Save(USER, Fields(b"{}", b"{}", b"{}", hidden=hidden))])
    assert saved > 0


async def test_no_entry_holds_what_is_hidden(store: Store) -> None:
    """The entry is filtered before it is written, and the reader that asked gets the same."""
    await hide(store, "connected_accounts", "clan")
    profiles = profiles_of(ScriptedSource(SECRETIVE), store)
    assert await profiles.extras(USER) == KNOWN
    assert b"github" not in (await store.redis.get(keys.profile(USER)) or b"")
    assert await profiles.extras(USER) == KNOWN


async def test_hiding_and_showing_replace_the_entry(store: Store) -> None:
    """The old entry is gone with the gateway's save, and the source is asked again."""
    source = ScriptedSource(SECRETIVE)
    profiles = profiles_of(source, store)
    assert await profiles.extras(USER) == SECRETIVE
    await hide(store, "badges")
    assert not await store.redis.exists(keys.profile(USER))
    assert await profiles.extras(USER) == SECRETIVE
    await hide(store, "badges", "connected_accounts")
    assert await profiles.extras(USER) == KNOWN
    await hide(store)
    assert await profiles.extras(USER) == SECRETIVE
    assert len(source.asked) == 4


async def test_other_changes_keep_the_entry(store: Store) -> None:
    """A new name costs no request to the source."""
    await hide(store, "connected_accounts")
    source = ScriptedSource(SECRETIVE)
    profiles = profiles_of(source, store)
    await profiles.extras(USER)
    hidden = b'["connected_accounts"]'
    await store.save([Save(USER, Fields(b'{"n":1}', b'{"s":1}', b"{}", hidden=hidden))])
    await profiles.extras(USER)
    assert len(source.asked) == 1


async def test_what_is_hidden_while_the_source_is_asked(store: Store) -> None:
    """The answer is filtered by what is hidden when it is stored."""
    source = ScriptedSource(SECRETIVE)
    source.gate.clear()
    profiles = profiles_of(source, store)
    reading = asyncio.create_task(profiles.extras(USER))
    await eventually(lambda: bool(source.asked))
    await hide(store, "connected_accounts")
    source.gate.set()
    assert await reading == KNOWN
    assert b"github" not in (await store.redis.get(keys.profile(USER)) or b"")


async def test_an_entry_with_what_is_hidden_is_refused(store: Store) -> None:
    """Redis compares what is hidden when it writes: nothing comes between."""
    cache = ProfileCache(store, TTL)
    assert await cache.claim(USER) is Claim.OURS
    assert not await save_entry(store, USER, "x", b"{}", 60_000, b'["clan"]')
    assert not await store.redis.exists(keys.profile(USER))
    await hide(store, "clan")
    assert await load_hidden(store, USER) == b'["clan"]'
    assert not await save_entry(store, USER, "x", b"{}", 60_000, b"")
    assert await save_entry(store, USER, "x", b"{}", 60_000, b'["clan"]')
    assert await store.redis.get(keys.profile(USER)) == b"{}"
