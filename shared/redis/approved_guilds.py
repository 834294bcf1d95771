"""The guilds that the operator has approved: a set in the durable Redis.

Used only where GUILD_IDS names no guilds. services/gateway/guild_approval.py says what writes it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from shared.redis import keys
from shared.redis.clients import is_damage
from shared.redis.scripts import Script
from shared.redis.store import Store, StoreUnavailable

NO_GUILD: Final = 0
"""In the list once a guild was revoked, so that it is never empty. No guild has this id."""

_BATCH_GUILDS: Final = 1000
_BEGIN: Final = Script("approved_guilds_begin.lua")


async def load(store: Store) -> frozenset[int] | None:
    """None: there is no list. Raises StoreUnavailable."""
    found: set[Any] = set()
    cursor = 0
    while True:
        try:
            async with store.reachable():
                cursor, batch = await store.redis.sscan(
                    keys.APPROVED_GUILDS, cursor, count=_BATCH_GUILDS
                )
        except StoreUnavailable as error:
            if isinstance(error.__cause__, Exception) and is_damage(error.__cause__):
                return None
            raise
        found.update(batch)
        if cursor == 0:
            return _ids(found) if found else None


async def begin(store: Store, guild_ids: Iterable[int]) -> bool:
    """Write the list unless there is one. Whether it was written: not without guilds.

    Raises StoreUnavailable.
    """
    return bool(await store.run_script(_BEGIN, [keys.APPROVED_GUILDS], *guild_ids))


async def approve(store: Store, guild_ids: Iterable[int]) -> None:
    """Add these guilds. Raises StoreUnavailable."""
    async with store.reachable():
        await store.redis.sadd(keys.APPROVED_GUILDS, *guild_ids)


async def revoke(store: Store, guild_ids: Iterable[int]) -> None:
    """Remove these guilds. Raises StoreUnavailable."""
    async with store.reachable():
        await store.redis.sadd(keys.APPROVED_GUILDS, NO_GUILD)
        await store.redis.srem(keys.APPROVED_GUILDS, *guild_ids)


def _ids(found: Iterable[Any]) -> frozenset[int]:
    numbers = (int(one) for one in filter(keys.is_id, found))
    return frozenset(numbers) - {NO_GUILD}
