"""Grants, sessions and revocations in the durable Redis."""

from __future__ import annotations

import msgspec

from shared.redis import durable_backup, keys
from shared.redis.grants import GrantStore, StoredGrant, sign_out
from shared.redis.sessions import MAX_SESSIONS, SessionStore
from shared.redis.store import Store

USER, OTHER = 1274150219482660897, 171234567890123776
GRANT = StoredGrant(b"sealed", ("connections", "identify"), 1_000, 2_000)
NOW = 5_000


async def test_a_grant_is_kept_and_ended(store: Store) -> None:
    """It is listed for its check, and leaves nothing."""
    grants = GrantStore(store)
    assert await grants.get(USER) is None
    await grants.store(USER, GRANT, NOW)
    assert await grants.get(USER) == GRANT
    assert await grants.due(NOW - 1, 10) == []
    assert await grants.due(NOW, 10) == [USER]
    await grants.end(USER)
    assert await grants.get(USER) is None
    assert [key async for key in store.redis.scan_iter()] == []


async def test_tokens_are_replaced_only_by_those_that_know_them(store: Store) -> None:
    """A late answer of Discord undoes neither a new sign-in nor the end of the consent."""
    grants = GrantStore(store)
    await grants.store(USER, GRANT, NOW)
    assert await grants.replace(USER, GRANT, b"second", 3_000) == "replaced"
    second = msgspec.structs.replace(GRANT, tokens=b"second", expires_at=3_000)
    assert await grants.get(USER) == second
    assert await grants.replace(USER, GRANT, b"late", 4_000) == "outdated"
    assert await grants.get(USER) == second
    await grants.end(USER)
    assert await grants.replace(USER, second, b"late", 4_000) == "gone"
    assert await grants.get(USER) is None


async def test_one_process_refreshes(store: Store) -> None:
    """The lock is released by its owner alone, and for one user."""
    grants = GrantStore(store)
    owner = await grants.lock(USER, 60_000)
    assert owner is not None
    assert await grants.lock(USER, 60_000) is None
    assert await grants.lock(OTHER, 60_000) is not None
    await grants.unlock(USER, "another")
    assert await grants.lock(USER, 60_000) is None
    await grants.unlock(USER, owner)
    assert await grants.lock(USER, 60_000) is not None


async def test_a_revocation_waits_for_discord(store: Store) -> None:
    """It outlives the grant, and is dropped when the user signs in again: it would end the new
    tokens as well."""
    grants = GrantStore(store)
    await grants.store(USER, GRANT, NOW)
    await sign_out(store, USER, revoke_at_ms=NOW)
    assert await grants.get(USER) is None
    assert await grants.revocations_due(NOW, 10) == [USER]
    assert await grants.revocation(USER) == GRANT.tokens
    await grants.postpone_revocation(USER, NOW + 1)
    assert await grants.revocations_due(NOW, 10) == []
    await grants.store(USER, GRANT, NOW)
    assert await grants.revocations_due(NOW + 1, 10) == []
    assert await grants.revocation(USER) is None


async def test_tokens_that_are_refreshed_meanwhile_are_revoked(store: Store) -> None:
    """Between the look at a grant and its end, and while Discord ends older tokens."""

    class Refreshed(GrantStore):
        """Another process is faster."""

        async def get(self, user_id: int) -> StoredGrant | None:
            found = await super().get(user_id)
            if found is not None:
                assert await self.replace(user_id, found, b"newer", 4_000) == "replaced"
            return found

    await GrantStore(store).store(USER, GRANT, NOW)
    await Refreshed(store).end(USER, revoke_at_ms=NOW)
    grants = GrantStore(store)
    assert await grants.revocation(USER) == b"newer"
    await grants.request_revocation(USER, b"newest", NOW)
    await grants.revoked_these(USER, b"newer", NOW)
    assert await grants.revocations_due(NOW, 10) == [USER]
    assert await grants.revocation(USER) == b"newest"
    await grants.revoked_these(USER, b"newest", NOW)
    assert [key async for key in store.redis.scan_iter()] == []


async def test_nothing_to_revoke(store: Store) -> None:
    """Somebody who has not signed in is not listed."""
    await sign_out(store, USER, revoke_at_ms=NOW)
    assert [key async for key in store.redis.scan_iter()] == []


async def test_sessions_end(store: Store) -> None:
    """One of them, or all of a user."""
    sessions = SessionStore(store)
    for user_id, digest in ((USER, "a"), (USER, "b"), (OTHER, "c")):
        await sessions.begin(user_id, digest, NOW, NOW + 1_000_000)
    assert await sessions.ends_at(USER, "a") == NOW + 1_000_000
    assert await sessions.ends_at(OTHER, "a") is None
    await sessions.end(USER, "a")
    assert await sessions.ends_at(USER, "a") is None
    assert await sessions.ends_at(USER, "b") is not None
    await sessions.end_all(USER)
    assert await sessions.ends_at(USER, "b") is None
    assert await sessions.ends_at(OTHER, "c") is not None


async def test_sessions_are_bounded(store: Store) -> None:
    """Those that have ended are forgotten, then those that end first."""
    sessions = SessionStore(store)
    await sessions.begin(USER, "ended", NOW, NOW + 1)
    for number in range(MAX_SESSIONS + 2):
        await sessions.begin(USER, f"{number}", NOW + 1, NOW + 1_000_000 + number)
    assert await sessions.count(USER) == MAX_SESSIONS
    assert await sessions.ends_at(USER, "ended") is None
    assert await sessions.ends_at(USER, "1") is None
    assert await sessions.ends_at(USER, "2") is not None
    assert 0 < await store.redis.pttl(keys.sessions(USER)) <= 1_000_100


async def test_a_sign_in_comes_back_once(store: Store) -> None:
    """And is forgotten by itself."""
    sessions = SessionStore(store)
    assert await sessions.is_first_use("digest", 600)
    assert not await sessions.is_first_use("digest", 600)
    assert await sessions.is_first_use("another", 600)
    assert 0 < await store.redis.ttl(keys.used_sign_in("digest")) <= 600


async def test_one_key_is_made(store: Store) -> None:
    """The first one counts for every process."""
    grants = GrantStore(store)
    assert await grants.secret_key(None) is None
    assert await grants.secret_key("first") == "first"
    assert await grants.secret_key("second") == "first"
    assert await grants.secret_key(None) == "first"


async def test_backups_hold_nothing_of_it(store: Store) -> None:
    """Restoring one leaves it as it is."""
    grants, sessions = GrantStore(store), SessionStore(store)
    await grants.store(USER, GRANT, NOW)
    await grants.request_revocation(OTHER, b"sealed", NOW)
    await grants.lock(USER, 60_000)
    await grants.secret_key("made")
    await sessions.begin(USER, "digest", NOW, NOW + 1_000_000)
    await sessions.is_first_use("digest", 600)
    await store.redis.set(keys.durable_connections(USER), "[]")
    await store.redis.set("durable:{1}:other", "kept")
    backup = [entry async for entry in durable_backup.entries(store)]
    assert [entry.name for entry in backup] == [b"durable:{1}:other"]
    before = {key async for key in store.redis.scan_iter()}
    await durable_backup.replace_all(store, backup)
    assert {key async for key in store.redis.scan_iter()} == before
