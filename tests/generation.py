"""The generation of Redis' data, for tests that have no gateway."""

from __future__ import annotations

from shared.discord.snowflake import ShardKey
from shared.redis import shard_record
from shared.redis.store import Store


async def generation(store: Store, shard: ShardKey = (0, 1)) -> str:
    """Run the shard, as a gateway would, for the time of one renewal."""
    held = await shard_record.hold(store, shard, "gateway", 1.0)
    assert isinstance(held, shard_record.Held)
    await shard_record.announce_count(store, shard[1])
    return held.generation


async def mark_complete(store: Store) -> None:
    """All users of the only shard are written."""
    assert await shard_record.mark_complete(store, (0, 1), await generation(store))
