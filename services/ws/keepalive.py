"""One sweep for every client: pings, missing pongs, and whoever takes too long.

Clients sit on a wheel. The hand moves one place a tick and pings who sits there, so that the
pings of many clients spread over the time between two pings of one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Protocol

PLACES = 20
SLICE = 256  # clients between two looks at the loop


class KeepaliveClient(Protocol):
    """A connection as the sweep sees it."""

    place: int  # on the wheel; kept by the sweep

    def ping(self) -> None:
        """Ping it, or close it when nothing has come since the last ping."""

    def out_of_time(self) -> None:
        """It took too long over what it was given time for."""

    def restart(self) -> None:
        """The server ends: part in good order."""


class Keepalive:
    """Knows every open connection."""

    def __init__(self, ping_every: float) -> None:
        self._tick = ping_every / PLACES
        self._places: list[set[KeepaliveClient]] = [set() for _ in range(PLACES)]
        self._hand = 0
        self._until: dict[KeepaliveClient, float] = {}
        self._count = 0
        self._nobody = asyncio.Event()
        self._nobody.set()

    def __iter__(self) -> Iterator[KeepaliveClient]:
        for place in self._places:
            yield from tuple(place)

    def __len__(self) -> int:
        return self._count

    def join(self, peer: KeepaliveClient) -> None:
        """It is pinged first after one whole turn."""
        peer.place = self._hand
        self._places[self._hand].add(peer)
        self._count += 1
        self._nobody.clear()

    def leave(self, peer: KeepaliveClient) -> None:
        self._places[peer.place].discard(peer)
        self._until.pop(peer, None)
        self._count -= 1
        if self._count == 0:
            self._nobody.set()

    async def everyone_left(self) -> None:
        """Returns when no connection is open."""
        await self._nobody.wait()

    def allow(self, peer: KeepaliveClient, seconds: float) -> None:
        """It has this long, from now on, for what it has to do; forgets what it had before."""
        self._until[peer] = asyncio.get_running_loop().time() + seconds

    def release(self, peer: KeepaliveClient) -> None:
        """It has done it."""
        self._until.pop(peer, None)

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            await asyncio.sleep(self._tick)
            now = asyncio.get_running_loop().time()
            for peer in [peer for peer, until in self._until.items() if until <= now]:
                self._until.pop(peer, None)
                peer.out_of_time()
            self._hand = (self._hand + 1) % PLACES
            for number, peer in enumerate(tuple(self._places[self._hand]), 1):
                peer.ping()
                if number % SLICE == 0:
                    await asyncio.sleep(0)
