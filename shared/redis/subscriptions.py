"""What the feed says to Redis: which channels it wants to hear, and which no longer."""

from __future__ import annotations

from collections.abc import Sequence

from redis.asyncio import Redis
from redis.asyncio.client import PubSub

_BATCH = 500  # channels in one SUBSCRIBE


async def publishes_sharded(redis: Redis) -> bool:
    """Whether this master of a cluster uses SPUBLISH: save.lua asks it the same question."""
    version = str((await redis.info("server"))["redis_version"])
    return int(version.partition(".")[0]) >= 7


async def say(pubsub: PubSub, new: Sequence[str], old: Sequence[str], *, sharded: bool) -> None:
    """Subscribe to the new channels, and leave the old ones. The answers are the reader's."""
    if sharded:  # one at a time: all channels of a command must be of one slot
        for channel in new:
            await pubsub.ssubscribe(channel)
        for channel in old:
            await pubsub.sunsubscribe(channel)
    else:
        for start in range(0, len(new), _BATCH):
            await pubsub.subscribe(*new[start : start + _BATCH])
        for start in range(0, len(old), _BATCH):
            await pubsub.unsubscribe(*old[start : start + _BATCH])
    _forget(pubsub, [*new, *old])


def _forget(pubsub: PubSub, names: Sequence[str]) -> None:
    """redis-py keeps the names of all channels, to subscribe them again when it reconnects; and of
    those that were left until their answer is given to it. We do both: it would keep them for ever.
    """
    channels = [name.encode() for name in names]
    for known in (pubsub.channels, pubsub.shard_channels):
        for channel in channels:
            known.pop(channel, None)
    for left in (pubsub.pending_unsubscribe_channels, pubsub.pending_unsubscribe_shard_channels):
        left.difference_update(channels)
