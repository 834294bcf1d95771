"""Whether Redis holds every monitored user. Until it does, a missing user may only be unwritten.

The hash `completeness` has a field for each shard, `shard/shards`. The token in it is kept in
Redis alone, so it is lost with whatever else Redis loses: it names a data generation. Once all
users in the shard's guilds have been written in that generation, the runs of the Redis servers
stand after it (in a cluster: of all masters).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final

from redis.exceptions import ResponseError

from shared.redis import keys
from shared.redis.scripts import Script
from shared.redis.store import Store, StoreUnavailable

_GENERATION: Final = Script("generation.lua")
_MARK_COMPLETE: Final = Script("mark_complete.lua")


async def generation(store: Store, shard_id: int, shard_count: int) -> tuple[str, bool]:
    """The name of the current data generation, and whether it begins with this call.

    Another name means that Redis may have lost data: the token is gone, or a server was restarted
    and may hold older data. Raises StoreUnavailable.
    """
    server = await _server_runs(store)
    shard = f"{shard_id}/{shard_count}"
    token, begun = await store.run_script(
        _GENERATION, [keys.COMPLETENESS], shard, secrets.token_hex(8)
    )
    return f"{token.decode()} {server}", bool(begun)


async def mark_complete(store: Store, shard_id: int, shard_count: int, of: str) -> bool:
    """All users in the shard's guilds have been written since generation `of` began.

    False when that generation has ended. Raises StoreUnavailable.
    """
    token, server = of.split(" ", maxsplit=1)
    return bool(
        await store.run_script(
            _MARK_COMPLETE, [keys.COMPLETENESS], shard_id, shard_count, token, server
        )
    )


async def is_complete(store: Store) -> bool:
    """Whether every monitored user has been written. Raises StoreUnavailable."""
    async with store.reachable():
        marks = await store.redis.hgetall(keys.COMPLETENESS)
    return _is_complete(marks, await _server_runs(store))


async def absent(store: Store, user_ids: Sequence[int]) -> set[int]:
    """Which of these users are certainly not monitored; none while Redis is not complete.

    Raises StoreUnavailable.
    """
    async with store.reachable():
        before = await store.redis.hgetall(keys.COMPLETENESS)
        pipe = store.redis.pipeline(transaction=False)
        for user_id in user_ids:
            pipe.hexists(keys.presence(user_id), "version")
        present = await pipe.execute()
        after = await store.redis.hgetall(keys.COMPLETENESS)  # Redis may be emptied in between
    if before != after or not _is_complete(before, await _server_runs(store)):
        return set()
    return {user_id for user_id, found in zip(user_ids, present, strict=True) if not found}


def _is_complete(marks: Mapping[Any, Any], server: str) -> bool:
    shards = {_text(field).partition("/")[2] for field in marks}
    servers = {_text(value).partition(" ")[1:] for value in marks.values()}
    return shards == {str(len(marks))} and servers == {(" ", server)}


def _text(value: bytes) -> str:
    return value.decode("ascii", "replace")  # other software may have written it


async def _server_runs(store: Store) -> str:
    """Empty where INFO is not allowed: a restarted Redis with older data is not noticed there."""
    try:
        return await store.server_runs()
    except StoreUnavailable as refused:
        if isinstance(refused.__cause__, ResponseError):
            return ""
        raise
