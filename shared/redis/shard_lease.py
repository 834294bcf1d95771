"""The lease of a shard in Redis: a key with a TTL that names the process which runs the shard.

A process that waits to take over sets a second key beside it. services/gateway/sync/lease.py holds
the rules; here are the commands. Every function raises StoreUnavailable.
"""

from __future__ import annotations

from typing import Final

from shared.discord.snowflake import ShardKey
from shared.redis import keys
from shared.redis.scripts import Script
from shared.redis.store import Store

TAKEN: Final = 0  # another process has the lease
MISSING: Final = -1
RENEWED: Final = 1
RENEWED_WITH_STANDBY: Final = 2  # renewed, and another process stands by

RELEASED: Final = b""  # the value of a lease that its holder has released

_RENEW: Final = Script("lease_renew.lua")
_TAKE: Final = Script("lease_take.lua")
_RELEASE: Final = Script("lease_release.lua")


async def renew(
    store: Store, shard: ShardKey, owner: str, ttl_s: float, *, must_exist: bool
) -> int:
    """Gives TAKEN, MISSING (only with `must_exist`), RENEWED or RENEWED_WITH_STANDBY.

    Also sets the fencing clock by the time of Redis.
    """
    async with store.reachable():
        result, *time = await _RENEW.run(
            store.redis,
            [keys.lease(*shard), keys.standby(*shard)],
            owner,
            _ms(ttl_s),
            int(must_exist),
        )
    store.clock.synchronize(*map(int, time))
    return int(result)


async def take(store: Store, shard: ShardKey, owner: str, ttl_s: float) -> bool:
    """True if the lease was free or released, and is the owner's now."""
    async with store.reachable():
        return bool(await _TAKE.run(store.redis, [keys.lease(*shard)], owner, _ms(ttl_s)))


async def release(store: Store, shard: ShardKey, owner: str, ttl_s: float) -> None:
    """Release the lease if it is the owner's."""
    async with store.reachable():
        await _RELEASE.run(store.redis, [keys.lease(*shard)], owner, _ms(ttl_s))


async def holder(store: Store, shard: ShardKey) -> bytes | None:
    """The owner of the lease, RELEASED, or None when there is no lease."""
    async with store.reachable():
        found = await store.redis.get(keys.lease(*shard))
    return found.encode() if isinstance(found, str) else found


async def stand_by(store: Store, shard: ShardKey, owner: str, ttl_s: float) -> None:
    """Tell the holder that a process waits to take over."""
    async with store.reachable():
        await store.redis.set(keys.standby(*shard), owner, px=_ms(ttl_s))


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
