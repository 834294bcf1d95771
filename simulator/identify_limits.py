"""Limits on new sessions: token, shard count, identify buckets and daily starts.

Source: events/gateway, "Identifying", "Session Start Limit", "Rate Limiting", "Sharding";
topics/opcodes-and-status-codes, "Gateway Close Event Codes".
"""

import time
from typing import Final

from simulator.model import Json
from simulator.options import Options
from simulator.protocol import HONOURED_INTENTS, KNOWN_INTENTS, CloseCode, Closed, Identify, Intent
from simulator.snowflakes import shard_of
from simulator.world import World

_DAY_SECONDS: Final = 86_400

Shard = tuple[int, int]
"""A shard's number, and how many there are."""


class IdentifyLimits:
    """Checks Identifies; counts them per day and per bucket."""

    def __init__(self, world: World, options: Options) -> None:
        self._world = world
        self._options = options
        self._buckets: dict[int, float] = {}
        self._used = 0
        self._day_began = time.monotonic()

    def start_limit(self) -> Json:
        """``session_start_limit`` of ``GET /gateway/bot``; ``reset_after`` is in ms."""
        age = time.monotonic() - self._day_began
        if age > _DAY_SECONDS:
            self._used, self._day_began, age = 0, time.monotonic(), 0.0
        return {
            "total": self._options.session_starts,
            "remaining": max(0, self._options.session_starts - self._used),
            "reset_after": int((_DAY_SECONDS - age) * 1000),
            "max_concurrency": self._options.max_concurrency,
        }

    def check_token(self, token: str) -> None:
        """Raises :class:`Closed` 4004 for any but the one token."""
        if token.removeprefix("Bot ") != self._options.token:
            raise Closed(CloseCode.AUTHENTICATION_FAILED)

    def check(self, asked: Identify) -> tuple[Shard, Intent]:
        """What an Identify asks for. Raises :class:`Closed` with Discord's code for a fault."""
        self.check_token(asked.token)
        # Discord resets the token of a bot that runs out of starts, so the old one fails.
        if self.start_limit()["remaining"] == 0:
            raise Closed(CloseCode.AUTHENTICATION_FAILED)
        return self._shard(asked.shard), self._intents(asked.intents)

    def _shard(self, asked: list[int] | None) -> Shard:
        match asked:
            case None:
                shard, count = 0, 1
            case [shard, count] if 0 <= shard < count:
                pass
            case _:
                raise Closed(CloseCode.INVALID_SHARD)
        held = sum(shard_of(guild_id, count) == shard for guild_id in self._world.guilds)
        if held > self._options.guilds_per_shard:
            raise Closed(CloseCode.SHARDING_REQUIRED)
        return shard, count

    def _intents(self, asked: int) -> Intent:
        if asked < 0 or asked & ~KNOWN_INTENTS:
            raise Closed(CloseCode.INVALID_INTENTS)
        intents = Intent(asked & HONOURED_INTENTS)
        if Intent.GUILD_MEMBERS in intents and not self._options.allow_members:
            raise Closed(CloseCode.DISALLOWED_INTENTS)
        if Intent.GUILD_PRESENCES in intents and not self._options.allow_presences:
            raise Closed(CloseCode.DISALLOWED_INTENTS)
        return intents

    def take_start(self, shard: Shard) -> bool:
        """Count a start; False if the shard's bucket had one a moment ago ("op 9")."""
        bucket = shard[0] % self._options.max_concurrency
        now = time.monotonic()
        last = self._buckets.get(bucket)
        if last is not None and now - last < self._options.identify_seconds:
            return False
        self._buckets[bucket] = now
        self._used += 1
        return True
