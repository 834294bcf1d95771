"""Icon hashes of applications, as Discord gave them. Every function raises StoreUnavailable."""

from __future__ import annotations

from shared.redis import keys
from shared.redis.store import Store


async def load(store: Store, application_id: str) -> str | None:
    """The icon's hash; empty: the application has none; None: not known."""
    async with store.reachable():
        found = await store.redis.get(keys.app_icon(application_id))
    return found.decode("ascii", "replace") if isinstance(found, bytes) else found


async def save(store: Store, application_id: str, icon: str | None, ttl_s: int) -> None:
    """`icon` is None when the application has none."""
    async with store.reachable():
        await store.redis.set(keys.app_icon(application_id), icon or "", ex=ttl_s)
