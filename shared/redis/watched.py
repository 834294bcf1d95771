"""Which users somebody looks at: a client follows their channel, or a reader has just asked.

What is read over HTTP leaves a trace only where there is a profile source: the cached profile.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster
from redis.exceptions import NoPermissionError

from shared.redis import keys
from shared.redis.store import Store, StoreUnavailable

SHARDED_SINCE: Final = 7  # version of Redis


class WatchedRefused(StoreUnavailable):
    """Raised when Redis does not permit the question; the text is its own."""


async def watched(store: Store, user_ids: Sequence[int]) -> list[int]:
    """Those of these users who are watched. Raises StoreUnavailable, WatchedRefused too."""
    names = {keys.presence(user_id).encode(): user_id for user_id in user_ids}
    try:
        async with store.reachable():
            if isinstance(store.redis, RedisCluster):
                followed = await _followed_in_cluster(store.redis, list(names))
            else:
                followed = await _followed(store.redis, list(names))
    except StoreUnavailable as error:
        if isinstance(error.__cause__, NoPermissionError):
            raise WatchedRefused(str(error.__cause__)) from None
        raise
    found = {names[name] for name in followed}
    others = [user_id for user_id in user_ids if user_id not in found]
    async with store.reachable():
        pipe = store.redis.pipeline(transaction=False)
        for user_id in others:
            pipe.exists(keys.profile(user_id))
        were_read = await pipe.execute()
    found |= {user_id for user_id, was_read in zip(others, were_read, strict=True) if was_read}
    return [user_id for user_id in user_ids if user_id in found]


async def _followed(redis: Redis, names: Sequence[bytes]) -> list[bytes]:
    """The channels that have a subscriber."""
    return _with_subscribers(await redis.pubsub_numsub(*names)) if names else []


async def _followed_in_cluster(redis: RedisCluster, names: Sequence[bytes]) -> list[bytes]:
    """Each server counts its own subscribers, and each user is followed at their master."""
    await redis.initialize()
    by_master: dict[str, list[bytes]] = {}
    for name in names:
        node = redis.get_node_from_key(name.decode())
        if node is not None:
            by_master.setdefault(node.name, []).append(name)
    found: list[bytes] = []
    for node_name, of_master in by_master.items():
        node = redis.get_node(node_name=node_name)
        server = await redis.info("server", target_nodes=node)
        # As save.lua and the subscriber choose between the two kinds of channels.
        is_sharded = int(str(server["redis_version"]).partition(".")[0]) >= SHARDED_SINCE
        count = redis.pubsub_shardnumsub if is_sharded else redis.pubsub_numsub
        found += _with_subscribers(await count(*of_master, target_nodes=node))
    return found


def _with_subscribers(counts: Sequence[tuple[bytes | str, int]]) -> list[bytes]:
    return [name if isinstance(name, bytes) else name.encode() for name, count in counts if count]
