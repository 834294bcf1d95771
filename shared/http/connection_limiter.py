"""Who may be connected, and for how long without a whole request or without taking its answer.

uvicorn waits for a request's head as long as the client likes, takes heads of any size, and keeps
an answer for whoever does not read it: a thousand clients that say a little now and then would
fill the process. Here a place is always given to the newcomer: whoever has waited longest goes.
"""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

from msgspec import Struct

from shared.config import ApiSettings
from shared.http import errors
from shared.http.responses import RawResponse
from shared.net.client_address import Networks, client_ip
from shared.net.connection_counter import ConnectionCounter

SPARE_FILES: Final = 256  # besides clients: Redis, profile source, log, and those being refused
SWEEP_EVERY: Final = 0.5  # seconds


class ConnectionLimits(Struct, frozen=True, kw_only=True):
    """Times are in seconds, sizes in bytes."""

    connections: int = 1_000_000  # of this process; the file limit is lower nearly everywhere
    connections_per_address: int = 200
    trusted: Networks = ()  # proxies, which speak for many clients

    head_within: float = 10.0  # from the connection or the last answer to the end of the next head
    answer_within: float = 20.0  # from there until the client has taken the answer
    waiting: int = 4096  # without a request under way: idle ones, and heads that are not whole
    head_size: int = 32_768  # cookies of a shared domain pass through here
    headers: int = 128  # each takes some hundred bytes, however short it is
    pipelined: int = 16  # requests that were sent before their predecessors' answers


def from_settings(settings: ApiSettings, files: int) -> ConnectionLimits:
    """`files`: how many this process may have open."""
    most = max(1, files - SPARE_FILES)
    return ConnectionLimits(
        connections=min(settings.api_max_connections or most, most),
        connections_per_address=settings.api_connections_per_address or most,
        trusted=settings.proxies(),
    )


class LimitedConnection(Protocol):
    """A connection as the door sees it."""

    def cut_off(self) -> None:
        """It has had its time."""


class ConnectionLimiter:
    """Knows every connection: those that owe us a request, and those that we owe an answer."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self.limits = limits
        self.refused = 0  # connections that got no place
        self.cut_off = 0  # that took too long, or had waited longest when a place was needed
        self._addresses = ConnectionCounter(limits.connections_per_address)
        self._clients: dict[LimitedConnection, str | None] = {}
        # Since when, in loop time. A dict keeps the order in which they came: the first is first.
        self._waiting: dict[LimitedConnection, float] = {}
        self._answering: dict[LimitedConnection, float] = {}

    @property
    def connections(self) -> int:
        """Open now."""
        return len(self._clients)

    def enter(self, guest: LimitedConnection, peer: str) -> RawResponse | None:
        """The guest is connected; whoever gets an answer here may stay only to read it."""
        client = client_ip(peer, "", self.limits.trusted)
        crowded = client is not None and not self._addresses.take(client)
        full = self.connections >= self.limits.connections and not self._make_room()
        if len(self._waiting) >= self.limits.waiting:
            self._make_room()
        self._clients[guest] = None if crowded else client
        self._waiting[guest] = _now()
        if crowded or full:
            self.refused += 1
            return errors.CROWDED if crowded else errors.FULL
        return None

    def leave(self, guest: LimitedConnection) -> None:
        """The guest is gone."""
        client = self._clients.pop(guest, None)
        if client is not None:
            self._addresses.give_back(client)
        self._waiting.pop(guest, None)
        self._answering.pop(guest, None)

    def asked(self, guest: LimitedConnection) -> None:
        """A request's head is whole."""
        self._waiting.pop(guest, None)
        self._answering[guest] = _now()

    def answered(self, guest: LimitedConnection) -> None:
        """The last of an answer is written, be it taken or not."""
        self._answering.pop(guest, None)
        self._waiting[guest] = _now()

    async def run(self) -> None:
        """Cut off whoever takes too long, until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_EVERY)
            self._sweep(self._waiting, self.limits.head_within)
            self._sweep(self._answering, self.limits.answer_within)

    def _sweep(self, since: dict[LimitedConnection, float], within: float) -> None:
        too_long_ago = _now() - within
        while since:
            guest, when = next(iter(since.items()))
            if when > too_long_ago:
                return
            self._end(guest)

    def _make_room(self) -> bool:
        if not self._waiting:
            return False
        self._end(next(iter(self._waiting)))
        return True

    def _end(self, guest: LimitedConnection) -> None:
        self.cut_off += 1
        self.leave(guest)
        guest.cut_off()


def _now() -> float:
    return asyncio.get_running_loop().time()
