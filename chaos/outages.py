"""What may be hidden while a guild has an outage, and until it is listed again: of kinds that no
other guild of the user is shown, what it showed before. Another guild may have shown something
newer, and whether the silent one has come so far is not known (docs/gateway.md).

Where there are several shards, the same holds for all guilds of one that has no connection: another
process may take it over, and list the guilds of the other shards first.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection
from typing import Any, Final

from msgspec import Struct

from chaos.half_minute import KINDS, Kind
from simulator.privacy import hidden_in
from simulator.sessions import Sessions
from simulator.snowflakes import shard_of
from simulator.world import World

_LISTED_WITHIN: Final = 30.0  # seconds after the outage: members of a large guild come later
_SHARD_LISTED_WITHIN: Final = 5.0  # seconds after its connection: chunks take two
_EVERY: Final = 0.05  # seconds

_Cause = tuple[str, bool]
"""A guild, and whether it is its shard that is away."""


class _Outage(Struct):
    kinds: frozenset[Kind]
    until: float  # in seconds of `clock`


class Outages:
    """What guilds in an outage had shown of users who look different in other guilds."""

    def __init__(self, world: World, clock: Callable[[], float] = time.monotonic) -> None:
        self._world = world
        self._clock = clock
        self._by_user: dict[str, dict[_Cause, _Outage]] = {}

    def begin(self, guild_id: str, *, by_shard: bool = False) -> None:
        """The guild becomes unavailable. `by_shard`: its shard has lost its connection."""
        guild = self._world.guilds[guild_id]
        for user_id in guild.members:
            person = self._world.people[user_id]
            others = [self._world.guilds[one] for one in person.guilds if one != guild_id]
            privacy = self._world.privacy(user_id)
            hidden = [hidden_in(privacy, one) for one in others]
            kinds = frozenset(
                kind
                for place, some in enumerate(KINDS)
                for kind in some
                if all(one[place] for one in hidden)
            )
            if kinds and hidden:
                outages = self._by_user.setdefault(user_id, {})
                earlier = outages.get((guild_id, by_shard))
                all_kinds = kinds | earlier.kinds if earlier else kinds
                outages[guild_id, by_shard] = _Outage(all_kinds, float("inf"))

    def end(self, guild_id: str, *, by_shard: bool = False) -> None:
        """It is available again."""
        until = self._clock() + (_SHARD_LISTED_WITHIN if by_shard else _LISTED_WITHIN)
        for outages in self._by_user.values():
            if outage := outages.get((guild_id, by_shard)):
                outage.until = min(outage.until, until)

    def permit(
        self,
        user_id: str,
        kind: str,
        shown: Any,
        states: Collection[Any],
        *,
        reads_late: bool = False,
    ) -> bool:
        """Whether so much of this kind may be left. `states`: all that was true of it, because the
        gateway may have heard nothing for a time before. `reads_late`: frames may have waited."""
        return any(
            kind in one.kinds
            and (reads_late or self._clock() < one.until)
            and (not shown or (kind == "other" and any({*shown} <= {*state} for state in states)))
            for one in self._by_user.get(user_id, {}).values()
        )


class ShardOutages:
    """Watches which shards are connected to Discord, until cancelled."""

    def __init__(self, outages: Outages, world: World, sessions: Sessions, shards: int) -> None:
        self._outages = outages
        self._world = world
        self._sessions = sessions
        self._shards = shards
        self._away: set[int] = set()

    async def run(self) -> None:
        while True:
            self.look({one.shard[0] for one in self._sessions if one.detached_at is None})
            await asyncio.sleep(_EVERY)

    def look(self, connected: Collection[int]) -> None:
        """These shards are connected now. Where there is only one, no other can be ahead of it."""
        away = set(range(self._shards)).difference(connected) if self._shards > 1 else set()
        for guild_id in self._world.guilds:
            shard = shard_of(guild_id, self._shards)
            if shard in away - self._away:
                self._outages.begin(guild_id, by_shard=True)
            elif shard in self._away - away:
                self._outages.end(guild_id, by_shard=True)
        self._away = away
