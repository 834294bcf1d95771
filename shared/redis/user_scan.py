"""Who is in Redis, whether its lists name them or not, and where it counts them to.

A server that is restarted between two steps of a save may hold a user whom no list names.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from redis.asyncio.cluster import RedisCluster

from shared.redis import keys
from shared.redis.store import LONGEST_ID, Store

_AT_ONCE: Final = 1000  # keys that one call looks at: about half a millisecond of the server


async def everybody(store: Store) -> AsyncIterator[list[int]]:
    """All who are listed, then those who are shown all the same, a batch at a time.

    Raises StoreUnavailable.
    """
    async for batch in store.users():
        yield batch
    async for names in _keys(store, f"{keys.PRESENCE_PREFIX}*"):
        ids = [name[len(keys.PRESENCE_PREFIX) : -1] for name in names]
        ids = [one for one in ids if one.isdigit() and len(one) <= LONGEST_ID]
        if ids:
            async with store.reachable():
                listed = await store.redis.smismember(keys.USERS, ids)
            yield [int(one) for one, is_listed in zip(ids, listed, strict=True) if not is_listed]


async def guilds_of(store: Store, user_ids: Sequence[int]) -> list[list[int]]:
    """For each the guilds to which they are counted (no more than 512). Raises StoreUnavailable."""
    async with store.reachable():
        pipe = store.redis.pipeline(transaction=False)
        for user_id in user_ids:
            pipe.sscan(keys.guilds(user_id), count=512)  # so small a set comes whole
        found = await pipe.execute()
    return [[int(one) for one in guild_ids] for _, guild_ids in found]


async def _keys(store: Store, match: str) -> AsyncIterator[list[Any]]:
    """The keys of that pattern, of each server in turn."""
    places: list[dict[str, Any]] = [{}]
    if isinstance(store.redis, RedisCluster):
        async with store.reachable():
            await store.redis.initialize()
        places = [{"target_nodes": node} for node in store.redis.get_primaries()]
    for place in places:
        cursor: Any = 0
        while True:
            async with store.reachable():
                cursor, names = await store.redis.scan(cursor, match, _AT_ONCE, **place)
            if isinstance(cursor, dict):  # a cluster's: by the server's name
                [cursor] = cursor.values()
            yield names
            if cursor == 0:
                break
