"""Discord's ids. Discord docs: Reference, Snowflakes."""

from __future__ import annotations

import re
import time
from datetime import datetime

DISCORD_EPOCH_MS = 1_420_070_400_000
_CLOCK_TOLERANCE_S = 3600.0  # an id from further in the future is invented
_SHORTEST, _LONGEST = 15, 19  # digits; ids will have 20 from the year 2090 on
_DIGITS = re.compile(rf"[1-9][0-9]{{{_SHORTEST - 1},{_LONGEST - 1}}}", re.ASCII)
_USER_MENTION = re.compile(r"<@!?[0-9]+>", re.ASCII)
_NUMBER = re.compile(r"[0-9]+", re.ASCII)

FORM = "An id has 15 to 19 digits, like 1274150219482660897."
HOW_TO_COPY = (
    "To copy one, turn on Developer Mode in Discord, right-click the user and choose Copy User ID."
)


def created_ms(snowflake: int) -> int:
    """When the id was created, in milliseconds since 1970."""
    return (snowflake >> 22) + DISCORD_EPOCH_MS


def parse(text: str, now: datetime | None = None) -> int | None:
    """The id that `text` spells: 15 to 19 digits, not from the future. Else None."""
    if not _DIGITS.fullmatch(text):
        return None
    snowflake = int(text)
    latest_s = (time.time() if now is None else now.timestamp()) + _CLOCK_TOLERANCE_S
    return None if created_ms(snowflake) > latest_s * 1000 else snowflake


def problem(text: str) -> str:
    """What is wrong with a text that `parse` does not accept, as a sentence.

    It repeats nothing of the text, which comes from a stranger.
    """
    if not text:
        return "The id is empty."
    if _USER_MENTION.fullmatch(text):
        return "This is a mention: an id is only the digits in it."
    if text.startswith(("<@&", "<#")):
        return "This is a mention, but not of a user."
    if "/" in text or "%2f" in text.lower():  # encoded in the path of a request
        return "This is a URL, not an id. The URL of a user's profile ends with the id."
    if not _NUMBER.fullmatch(text):
        return "This is not an id, because it has other characters than digits; names are no ids."
    if text.startswith("0"):
        return "This is not an id, because it begins with 0."
    if len(text) < _SHORTEST:
        return "This is too short for an id."
    if len(text) > _LONGEST:
        return "This is too long for an id."
    return "This id is from the future: Discord has not given it to anything yet."


ShardKey = tuple[int, int]
"""A shard's id, and the number of shards."""


def shard_of(guild_id: int, shard_count: int) -> int:
    """The shard that receives a guild's events. Discord docs: Gateway, Sharding."""
    return (guild_id >> 22) % shard_count
