"""Whether Redis holds every monitored user. Until it does, a missing user may only be unwritten.

The record of each shard (shared/redis/shard_record.py) has a data generation. Once all users in the
shard's guilds have been written in that generation, the record says so. It counts for as long as
the servers are the ones that it was written to (in a cluster: all masters).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shared.redis import keys, shard_record
from shared.redis.shard_record import server_runs
from shared.redis.store import Store

Marks = list[list[Any]]
"""Of each shard: generation, the generation that is complete, the servers' run ids."""


async def is_complete(store: Store) -> bool:
    """Whether every monitored user has been written. Raises StoreUnavailable."""
    return _is_complete(await _marks(store), await server_runs(store))


async def absent(store: Store, user_ids: Sequence[int]) -> set[int]:
    """Which of these users are certainly not monitored; none while Redis is not complete.

    Raises StoreUnavailable.
    """
    before = await _marks(store)
    async with store.reachable():
        pipe = store.redis.pipeline(transaction=False)
        for user_id in user_ids:
            pipe.hexists(keys.presence(user_id), "version")
        present = await pipe.execute()
    after = await _marks(store)  # Redis may be emptied in between
    if before != after or not _is_complete(before, await server_runs(store)):
        return set()
    return {user_id for user_id, found in zip(user_ids, present, strict=True) if not found}


async def _marks(store: Store) -> Marks:
    """Empty when the number of shards is not known."""
    count = await shard_record.count(store)
    async with store.reachable():
        pipe = store.redis.pipeline(transaction=False)
        for shard_id in range(count):
            pipe.hmget(keys.shard(shard_id, count), ["generation", "complete", "servers"])
        return await pipe.execute() if count else []


def _is_complete(marks: Marks, servers: str) -> bool:
    return bool(marks) and all(
        generation and generation == complete and (written_to or b"") == servers.encode()
        for generation, complete, written_to in marks
    )
