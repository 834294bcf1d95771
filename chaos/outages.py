"""What may be hidden while a guild has an outage, and until it is listed again: of kinds that no
other guild of the user is shown, what it showed before. Another guild may have shown something
newer, and whether the silent one has come so far is not known (docs/gateway.md).

The same holds for all guilds of a shard that begins a new session: one that is listed first, and is
not shown such, may show something newer than those that are listed after it. Where there are
several shards, it holds while one has no connection, too: another process may take it over, and
list the guilds of the other shards first.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection
from typing import Any, Final

from msgspec import Struct

from chaos.half_minute import KINDS, Kind
from simulator.privacy import hidden_in
from simulator.protocol import Identify
from simulator.session import Session
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
        """The guild becomes unavailable. `by_shard`: its shard has lost its connection, or begins
        a new session."""
        cause = guild_id, by_shard
        for user_id in self._world.guilds[guild_id].members:
            outages = self._by_user.setdefault(user_id, {})
            earlier = outages.get(cause)
            outages[cause] = _Outage(earlier.kinds if earlier else frozenset(), float("inf"))
            self._note_kinds(user_id)

    def end(self, guild_id: str, *, by_shard: bool = False) -> None:
        """It is available again, and about to be listed."""
        until = self._clock() + (_SHARD_LISTED_WITHIN if by_shard else _LISTED_WITHIN)
        for user_id, outages in self._by_user.items():
            if outage := outages.get((guild_id, by_shard)):
                self._note_kinds(user_id)  # settings may have been changed meanwhile
                outage.until = min(outage.until, until)

    def _note_kinds(self, user_id: str) -> None:
        """Of each guild in an outage: kinds that another one is not shown, nor any that is
        available."""
        privacy, person = self._world.privacy(user_id), self._world.people[user_id]
        hidden = {one: hidden_in(privacy, self._world.guilds[one]) for one in person.guilds}
        now = self._clock()
        away = {cause: one for cause, one in self._by_user[user_id].items() if now < one.until}
        stay = hidden.keys() - {guild_id for guild_id, _ in away}
        for (guild_id, _), outage in away.items():
            others = hidden.keys() - {guild_id}
            outage.kinds |= frozenset(
                kind
                for place, some in enumerate(KINDS)
                for kind in some
                if any(hidden[one][place] for one in others)
                and all(hidden[one][place] for one in stay)
            )

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
    """Notes new sessions; and watches which shards are connected to Discord, until cancelled."""

    def __init__(self, outages: Outages, world: World, sessions: Sessions, shards: int) -> None:
        self._outages = outages
        self._world = world
        self._sessions = sessions
        self._shards = shards
        self._away: set[int] = set()
        self._begin = sessions.begin
        sessions.begin = self._noted  # type: ignore[method-assign]

    async def run(self) -> None:
        while True:
            self.look({one.shard[0] for one in self._sessions if one.detached_at is None})
            await asyncio.sleep(_EVERY)

    def look(self, connected: Collection[int]) -> None:
        """These shards are connected now. Where there is only one, no other can be ahead of it, and
        what it resumes comes in order."""
        away = set(range(self._shards)).difference(connected) if self._shards > 1 else set()
        for guild_id in self._world.guilds:
            shard = shard_of(guild_id, self._shards)
            if shard in away - self._away:
                self._outages.begin(guild_id, by_shard=True)
            elif shard in self._away - away:
                self._outages.end(guild_id, by_shard=True)
        self._away = away

    def _noted(self, asked: Identify, url: str) -> Session | None:
        session = self._begin(asked, url)
        if session is not None:
            guild_ids = [one for one in self._world.guilds if session.has_guild(one)]
            for guild_id in guild_ids:
                self._outages.begin(guild_id, by_shard=True)
            for guild_id in guild_ids:
                self._outages.end(guild_id, by_shard=True)
        return session
