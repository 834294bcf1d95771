"""The keys with which users write their key-value stores. Only digests of them are stored.

A key is 128 random bits, so a plain digest of it tells nothing: there is nothing to guess.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping
from typing import Any, Final

from shared.redis import keys
from shared.redis.durable import available
from shared.redis.store import Store

KEY_PREFIX: Final = "grux_"
MAX_KEY_BYTES: Final = 256


class ApiKeys:
    """One key for each user at most. Every method raises DurableUnavailable."""

    def __init__(self, durable: Store) -> None:
        self._durable = durable

    async def create(self, user_id: int) -> str:
        """A new key, which ends the user's old one. It cannot be shown again."""
        key = KEY_PREFIX + secrets.token_hex(16)
        await self._store(user_id, digest_of(key.encode()))
        return key

    async def adopt(self, user_id: int, key: str) -> bool:
        """Accept a key that was made elsewhere, unless the user has one. Whether it is theirs."""
        digest = digest_of(key.encode())
        current = await self._current(user_id)
        if current is None:
            await self._store(user_id, digest)
        return current in (None, digest)

    async def created_at(self, user_id: int) -> int | None:
        """When the user's key was made, in ms since 1970; None: there is none."""
        async with available(), self._durable.reachable():
            found = await self._durable.redis.hget(keys.durable_key(user_id), "created_at")
        return int(found) if found is not None and found.isdigit() else None

    async def delete(self, user_id: int) -> None:
        """The user's key, if there is one, ends."""
        current = await self._current(user_id)
        async with available(), self._durable.reachable():
            await self._durable.redis.delete(keys.durable_key(user_id))
            if current is not None:
                await self._durable.redis.delete(keys.key_owner(current))

    async def owner(self, key: bytes) -> int | None:
        """Whose key this is; None if it is nobody's."""
        if not key or len(key) > MAX_KEY_BYTES:
            return None
        digest = digest_of(key)
        async with available(), self._durable.reachable():
            found = await self._durable.redis.get(keys.key_owner(digest))
        if found is None or not found.isdigit():
            return None
        user_id = int(found)
        current = await self._current(user_id)  # the index may still hold an ended key
        same = current is not None and hmac.compare_digest(current, digest)
        return user_id if same else None

    async def _current(self, user_id: int) -> str | None:
        async with available(), self._durable.reachable():
            row: list[Any] = list(
                await self._durable.redis.hmget(keys.durable_key(user_id), ["digest"])
            )
        [found] = row
        return None if found is None else found.decode("ascii", "replace")

    async def _store(self, user_id: int, digest: str) -> None:
        """The index first: a key works once both are written, and the old one no longer."""
        old = await self._current(user_id)
        created_at = time.time_ns() // 1_000_000
        entry: Mapping[Any, Any] = {"digest": digest, "created_at": str(created_at)}
        async with available(), self._durable.reachable():
            await self._durable.redis.set(keys.key_owner(digest), str(user_id))
            await self._durable.redis.hset(keys.durable_key(user_id), mapping=entry)
            if old is not None and old != digest:
                await self._durable.redis.delete(keys.key_owner(old))


def digest_of(key: bytes) -> str:
    """What is stored of a key."""
    return hashlib.sha256(key).hexdigest()
