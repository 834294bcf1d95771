"""Discord's ids. Discord docs: Reference, Snowflakes."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

DISCORD_EPOCH_MS = 1_420_070_400_000
_CLOCK_TOLERANCE = timedelta(hours=1)  # an id from further in the future is invented
_DIGITS = re.compile(r"[1-9][0-9]{14,19}", re.ASCII)


def created_ms(snowflake: int) -> int:
    """When the id was created, in milliseconds since 1970."""
    return (snowflake >> 22) + DISCORD_EPOCH_MS


def parse(text: str, now: datetime | None = None) -> int | None:
    """The id that `text` spells: 15 to 20 digits, below 2^64, not from the future. Else None."""
    if not _DIGITS.fullmatch(text):
        return None
    snowflake = int(text)
    latest = (now or datetime.now(UTC)) + _CLOCK_TOLERANCE
    if snowflake >= 1 << 64 or created_ms(snowflake) > latest.timestamp() * 1000:
        return None
    return snowflake


ShardKey = tuple[int, int]
"""A shard's id, and the number of shards."""


def shard_of(guild_id: int, shard_count: int) -> int:
    """The shard that receives a guild's events. Discord docs: Gateway, Sharding."""
    return (guild_id >> 22) % shard_count
