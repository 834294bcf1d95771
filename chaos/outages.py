"""What may be hidden while a guild has an outage, and until it is listed again: of kinds that no
other guild of the user is shown, what it showed before. Another guild may have shown something
newer, and whether the silent one has come so far is not known (docs/gateway.md)."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import Any, Final

from msgspec import Struct

from chaos.half_minute import KINDS, Kind
from simulator.privacy import hidden_in
from simulator.world import World

_LISTED_WITHIN: Final = 30.0  # seconds after the outage: members of a large guild come later


class _Outage(Struct):
    guild_id: str
    kinds: frozenset[Kind]
    until: float = float("inf")  # in seconds of `clock`


class Outages:
    """What guilds in an outage had shown of users who look different in other guilds."""

    def __init__(self, world: World, clock: Callable[[], float] = time.monotonic) -> None:
        self._world = world
        self._clock = clock
        self._by_user: dict[str, list[_Outage]] = {}

    def begin(self, guild_id: str) -> None:
        """The guild becomes unavailable."""
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
                self._by_user.setdefault(user_id, []).append(_Outage(guild_id, kinds))

    def end(self, guild_id: str) -> None:
        """It is available again."""
        until = self._clock() + _LISTED_WITHIN
        for outages in self._by_user.values():
            for one in outages:
                if one.guild_id == guild_id:
                    one.until = min(one.until, until)

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
            for one in self._by_user.get(user_id, ())
        )
