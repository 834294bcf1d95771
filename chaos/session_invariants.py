"""Sessions at Discord, of which each shard may have one, and identifies, which are few a day."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from chaos.faults.discord import ends_session
from chaos.plan import DISCORD_LINKS, FORGETTING, GATEWAYS, Fault
from simulator.sessions import Sessions

_EVERY: Final = 0.1  # seconds
_TOGETHER: Final = 10.0  # seconds: Lease gives up after 8, and a busy machine needs 2 more

_FORCE: Final = {
    "discord_invalid": 1,
    "discord_resume_refused": 1,
    "discord_roster_limited": 2,
    **dict.fromkeys(FORGETTING, 1),
    "burst": 1,
}
"""Identifies that a fault of each kind costs: Discord has ended the session, Redis has lost where
it was, or more has happened since than Discord keeps for a resume."""

_SILENCES: Final = {"process_stopped", "gateway_stopped_long", "link_silent", "link_throttled"}
_SPEAKERS: Final = {*GATEWAYS, *DISCORD_LINKS}
"""Discord ends the session of a client whose heartbeat is late."""


class SessionInvariants:
    """Samples the sessions that are connected to Discord, until cancelled.

    Discord here ends a connection whose client has not sent a heartbeat for 2.25 seconds, and
    waits for its goodbye for another three. So a process that is stopped, or has lost its way to
    Discord, has no live session for longer than that, and is no exception.
    """

    def __init__(self, sessions: Sessions) -> None:
        self.wrong: list[str] = []
        self._sessions = sessions
        self._together: dict[int, float] = {}  # by shard: since when more than one is live

    async def run(self) -> None:
        while True:
            live: dict[int, set[str]] = {}
            for session in self._sessions:
                if session.detached_at is None:
                    live.setdefault(session.shard[0], set()).add(session.id)
            self.look(time.monotonic(), live)
            await asyncio.sleep(_EVERY)

    def look(self, now: float, live: Mapping[int, AbstractSet[str]]) -> None:
        """The live sessions of each shard at this moment, in seconds of time.monotonic()."""
        for shard, ids in live.items():
            if len(ids) <= 1:
                self._together.pop(shard, None)
            elif now - self._together.setdefault(shard, now) > _TOGETHER:
                del self._together[shard]  # and say so again after another spell
                self.wrong.append(
                    f"shard {shard} had {len(ids)} sessions at once for {_TOGETHER:.0f} s"
                )
        for shard in self._together.keys() - live.keys():
            del self._together[shard]


def most_identifies(faults: Sequence[Fault], shards: int) -> int:
    """How many a run may need that begins with one for each shard.

    A fault that ends the session costs one; and one more where a gateway goes, or is cut off from
    Redis, before it could write down the session that it has just begun. Where no session ends,
    whatever happens to the gateways costs nothing.
    """
    forced = sum(map(_forces, faults))
    held = {*GATEWAYS, *(f"{name}>redis" for name in GATEWAYS), "redis"}
    gone = sum(fault.target in held for fault in faults)
    return shards * (1 + forced + min(forced, gone))


def _forces(fault: Fault) -> int:
    """How many sessions this ends."""
    if ends_session(fault) or (fault.kind in _SILENCES and fault.target in _SPEAKERS):
        return 1
    return _FORCE.get(fault.kind, 0)
