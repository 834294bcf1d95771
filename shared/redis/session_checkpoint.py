"""How far a shard's session with Discord has been handled: one hash with a TTL for each shard.

It is written only by the holder of the shard's lease, and only while the hash still has the
generation with which it was begun: a Redis that has lost data has lost that as well. Every function
raises StoreUnavailable.
"""

from __future__ import annotations

from typing import Final

from shared.discord.snowflake import ShardKey
from shared.redis import keys
from shared.redis.scripts import Script
from shared.redis.store import Store

CHECKPOINT_TTL_S: Final = 600.0  # Discord keeps a session for some minutes

SAVED: Final = 1
NOT_OURS: Final = 0  # another process has the lease
LOST: Final = -1  # the generation is gone, and with it maybe anything else

_TTL_MS: Final = round(CHECKPOINT_TTL_S * 1000)
_BEGIN: Final = Script("checkpoint_begin.lua")
_SAVE: Final = Script("checkpoint_save.lua")
_LOAD: Final = Script("checkpoint_load.lua")


async def begin(store: Store, shard: ShardKey, owner: str, generation: str) -> bool:
    """Remove the checkpoint, and begin a generation. False: another process has the lease."""
    async with store.reachable():
        result = await _BEGIN.run(store.redis, _keys(shard), owner, generation, _TTL_MS)
    return int(result) != NOT_OURS


async def save(
    store: Store, shard: ShardKey, owner: str, generation: str, checkpoint: bytes
) -> int:
    """Gives SAVED, NOT_OURS or LOST. An empty `checkpoint` keeps the saved one."""
    async with store.reachable():
        result = await _SAVE.run(store.redis, _keys(shard), owner, generation, _TTL_MS, checkpoint)
    return int(result)


async def load(store: Store, shard: ShardKey) -> tuple[str, bytes] | None:
    """Generation and checkpoint; None unless this server has held one since it was started."""
    async with store.reachable():
        found = await _LOAD.run(store.redis, [keys.session(*shard)])
    return (found[0].decode(), found[1]) if found else None


def _keys(shard: ShardKey) -> list[str]:
    return [keys.lease(*shard), keys.session(*shard)]
