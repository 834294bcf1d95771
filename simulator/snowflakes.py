"""Discord ids. Source: developers/reference, "Snowflakes"."""

import re
from typing import Final

EPOCH_MS: Final = 1_420_070_400_000
_DIGITS: Final = re.compile(r"[1-9][0-9]{14,19}")


def snowflake(created_ms: int, low_bits: int) -> str:
    """The id of something created at ``created_ms`` (Unix ms), told apart by 22 low bits."""
    return str((created_ms - EPOCH_MS) << 22 | (low_bits & 0x3FFFFF))


def created_ms(snowflake_id: str) -> int:
    """When the thing was created, Unix ms."""
    return (int(snowflake_id) >> 22) + EPOCH_MS


def is_snowflake(text: str) -> bool:
    """Whether ``text`` can be an id: 15 to 20 digits that fit in 64 bits."""
    return _DIGITS.fullmatch(text) is not None and int(text) < 1 << 64


def shard_of(guild_id: str, shard_count: int) -> int:
    """The shard that gets the guild's events. Source: "Sharding"."""
    return (int(guild_id) >> 22) % shard_count


def regulars_role(guild_id: str) -> str:
    """The one role besides @everyone that a simulated guild has; its id follows the guild's."""
    return str(int(guild_id) + 1)
