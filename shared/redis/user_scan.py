"""All users in Redis, listed or not, and the guilds that each of them is counted in.

A server that was restarted between two steps of a save may hold a user whom no list names.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from redis.asyncio.cluster import RedisCluster

from shared.redis import keys
from shared.redis.clients import read
from shared.redis.store import Store

_SCAN_KEYS: Final = 1000  # in one call: about half a millisecond of the server's time
_GUILDS: Final = 512  # so small a set is returned whole


async def all_users(store: Store) -> AsyncIterator[list[int]]:
    """The listed users, then those who have a presence and are not listed, in batches.

    Raises StoreUnavailable.
    """
    async for batch in store.users():
        yield batch
    async for names in _keys(store, f"{keys.PRESENCE_PREFIX}*"):
        ids = [name[len(keys.PRESENCE_PREFIX) : -1] for name in names]
        ids = list(filter(keys.is_id, ids))
        if ids:
            async with store.reachable():
                listed = await store.redis.smismember(keys.USERS, ids)
            yield [int(one) for one, is_listed in zip(ids, listed, strict=True) if not is_listed]


async def guilds_of(store: Store, user_ids: Sequence[int]) -> list[list[int]]:
    """For each the guilds they are counted in, at most 512. Raises StoreUnavailable."""
    async with store.reachable():
        found = await read(
            store.redis,
            [("SSCAN", keys.guilds(user_id), 0, "COUNT", _GUILDS) for user_id in user_ids],
        )
        for reply in found:
            if isinstance(reply, Exception):
                raise reply
    return [[int(one) for one in filter(keys.is_id, guild_ids)] for _, guild_ids in found]


async def _keys(store: Store, match: str) -> AsyncIterator[list[Any]]:
    """The keys of that pattern, of each server in turn."""
    targets: list[dict[str, Any]] = [{}]
    if isinstance(store.redis, RedisCluster):
        async with store.reachable():
            await store.redis.initialize()
        targets = [{"target_nodes": node} for node in store.redis.get_primaries()]
    for target in targets:
        cursor: Any = 0
        while True:
            async with store.reachable():
                cursor, names = await store.redis.scan(cursor, match, _SCAN_KEYS, **target)
            if isinstance(cursor, dict):  # of a cluster: by the server's name
                [cursor] = cursor.values()
            yield names
            if cursor == 0:
                break
