"""Discord's ids. Discord docs: Reference, Snowflakes."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

DISCORD_EPOCH_MS = 1_420_070_400_000
_SLACK = timedelta(hours=1)  # clocks differ; an id made "in the future" beyond this is made up
_DIGITS = re.compile(r"[1-9][0-9]{14,19}", re.ASCII)


def created_ms(snowflake: int) -> int:
    """When the id was made, in milliseconds since 1970."""
    return (snowflake >> 22) + DISCORD_EPOCH_MS


def parse(text: str, now: datetime | None = None) -> int | None:
    """The id that `text` spells: 15 to 20 digits, below 2^64, not from the future. Else None."""
    if not _DIGITS.fullmatch(text):
        return None
    snowflake = int(text)
    latest = (now or datetime.now(UTC)) + _SLACK
    if snowflake >= 1 << 64 or created_ms(snowflake) > latest.timestamp() * 1000:
        return None
    return snowflake
