"""Reads what a Lanyard keeps in its Redis: the pairs and the keys of its users."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from msgspec import Struct

from shared.discord import snowflake
from shared.redis.store import Store

_KV_PREFIX: Final = b"lanyard_kv:"
_KEY_PREFIX: Final = b"api_key:"
_SCAN_COUNT: Final = 500


class LanyardKv(Struct, frozen=True):
    """The pairs of one user."""

    user_id: int
    pairs: dict[bytes, bytes]


class LanyardKey(Struct, frozen=True):
    """A key that Lanyard accepts."""

    user_id: int
    key: str


async def stores(source: Store) -> AsyncIterator[LanyardKv]:
    """Every user with pairs. Raises StoreUnavailable."""
    async for name in _names(source, _KV_PREFIX):
        user_id = snowflake.parse(name[len(_KV_PREFIX) :].decode("ascii", "replace"))
        if user_id is not None:
            async with source.reachable():
                found: Mapping[Any, Any] = await source.redis.hgetall(name)
            yield LanyardKv(user_id, dict(found))


async def api_keys(source: Store) -> AsyncIterator[LanyardKey]:
    """Every key that is still the one of its user. Raises StoreUnavailable."""
    async for name in _names(source, _KEY_PREFIX):
        key = name[len(_KEY_PREFIX) :]
        async with source.reachable():
            owner: Any = await source.redis.get(name)
        user_id = None if owner is None else snowflake.parse(owner.decode("ascii", "replace"))
        if user_id is None:
            continue
        async with source.reachable():
            current = await source.redis.get(f"user_api_key:{user_id}")
        if current in (None, key) and key.isascii():
            yield LanyardKey(user_id, key.decode())


async def _names(source: Store, prefix: bytes) -> AsyncIterator[bytes]:
    """In batches, so that Redis is not blocked. A name may come twice."""
    cursor: Any = 0
    names: Any
    while True:
        async with source.reachable():
            cursor, names = await source.redis.scan(cursor, match=prefix + b"*", count=_SCAN_COUNT)
        for name in names:
            yield name
        if cursor == 0:
            return
