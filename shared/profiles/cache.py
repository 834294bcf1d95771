"""The profile source's answers, in Redis, shared by all processes.

One process at a time asks the source about a user, so that a thousand viewers in ten processes
cost it one request. An answer that arrives after the user has left the last monitored guild is
not stored: the save script has deleted what was there, and it must not come back.
"""

from __future__ import annotations

import secrets
from enum import IntEnum
from typing import Final

import msgspec
from msgspec import Struct, field

from shared.model.profile_extras import NOTHING, ProfileExtras, without_hidden
from shared.redis import profile_entries
from shared.redis.store import Store, hidden_of

FAILURE_TTL_S: Final = 15  # how long a source that failed is not asked about the same user
CLAIM_TTL_S: Final = 12  # more than any request takes; a claim of a process that died expires
SAVE_ATTEMPTS: Final = 5  # each fails only because the user has just changed what is hidden
REFRESH_FROM: Final = 0.8  # of the TTL: an older answer is refreshed


class Claim(IntEnum):
    """The outcome of `ProfileCache.claim`."""

    SETTLED = 0  # another process asks now, or has just asked
    OURS = 1
    NOT_MONITORED = 2  # the source is asked about monitored users only


class Entry(Struct, frozen=True):
    """What one key of the cache holds, as JSON."""

    extras: ProfileExtras | None = field(name="facts")  # None: the source failed


class CachedProfile(Struct, frozen=True):
    """An entry as read."""

    extras: ProfileExtras | None
    old: bool  # still valid, but to be refreshed


_decode = msgspec.json.Decoder(Entry).decode
_FAILURE: Final = msgspec.json.encode(Entry(None))


def decode_entry(entry: bytes) -> ProfileExtras | None:
    """The extras of an entry; None for a failure.

    An entry of another version of Grux that cannot be read counts as a failure: two versions that
    run side by side and discard each other's entries would ask the source without end.
    """
    try:
        return _decode(entry).extras
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


class ProfileCache:
    """Reads, claims and stores entries. Every method raises StoreUnavailable."""

    def __init__(self, store: Store, ttl: int) -> None:
        """`ttl`: seconds for which an answer is valid."""
        self._store = store
        self._ttl_ms = ttl * 1000
        self._failure_ttl_ms = min(FAILURE_TTL_S, ttl) * 1000
        self._old_below_ms = round(self._ttl_ms * (1 - REFRESH_FROM))
        self._claim = secrets.token_hex(8)  # the name of this process's claims

    async def read(self, user_id: int) -> CachedProfile | None:
        """The user's entry, if there is one."""
        found = await profile_entries.load_entry(self._store, user_id)
        if found is None:
            return None
        entry, ttl_ms = found
        extras = decode_entry(entry)
        return CachedProfile(extras, old=extras is not None and ttl_ms < self._old_below_ms)

    async def claim(self, user_id: int) -> Claim:
        """Claim the right to ask about this user. OURS has to end in `save…` or `release`."""
        return Claim(
            await profile_entries.claim_entry(
                self._store,
                user_id,
                self._claim,
                ttl_ms=CLAIM_TTL_S * 1000,
                fresh_above_ms=self._old_below_ms,
            )
        )

    async def save(self, user_id: int, extras: ProfileExtras) -> ProfileExtras:
        """Store the source's answer without what the user hides, and release the claim.

        Returns what may be shown of it.
        """
        for _ in range(SAVE_ATTEMPTS):
            hidden = await profile_entries.load_hidden(self._store, user_id)
            shown = without_hidden(extras, hidden_of(hidden))
            entry = msgspec.json.encode(Entry(shown))
            if await profile_entries.save_entry(
                self._store, user_id, self._claim, entry, self._ttl_ms, hidden
            ):
                return shown
        await self.release(user_id)
        return NOTHING

    async def save_failure(self, user_id: int) -> None:
        """Store that there is no answer, unless an older answer is still valid."""
        await profile_entries.save_failure(
            self._store, user_id, self._claim, _FAILURE, self._failure_ttl_ms
        )

    async def release(self, user_id: int) -> None:
        """Release the claim without an answer: the next reader asks."""
        await profile_entries.release_entry(self._store, user_id, self._claim)
