"""Pings every client and drops those that do not answer: one task for all connections.

Clients sit on a wheel. The hand moves one place a tick and pings the clients there, so that the
pings of many clients spread over the interval between two pings of one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Protocol

PLACES = 20
SLICE = 256  # clients between two chances for the loop to do other work


class KeepaliveClient(Protocol):
    """A connection as the wheel needs it."""

    place: int  # on the wheel; kept by the wheel

    def ping(self) -> None:
        """Ping it, or close it if nothing has come since the last ping."""

    def restart(self) -> None:
        """The server stops: close with 1012."""

    def on_deadline(self) -> None:
        """Close at once."""


class Keepalive:
    """Knows every open connection."""

    def __init__(self, ping_every: float) -> None:
        """`ping_every`: seconds between two pings of a client."""
        self._tick = ping_every / PLACES
        self._places: list[set[KeepaliveClient]] = [set() for _ in range(PLACES)]
        self._hand = 0
        self._count = 0
        self._empty = asyncio.Event()
        self._empty.set()

    def __iter__(self) -> Iterator[KeepaliveClient]:
        for place in self._places:
            yield from tuple(place)

    def __len__(self) -> int:
        return self._count

    def join(self, client: KeepaliveClient) -> None:
        """Its first ping comes after one whole turn."""
        client.place = self._hand
        self._places[self._hand].add(client)
        self._count += 1
        self._empty.clear()

    def leave(self, client: KeepaliveClient) -> None:
        """The connection is closed."""
        self._places[client.place].discard(client)
        self._count -= 1
        if self._count == 0:
            self._empty.set()

    async def wait_empty(self) -> None:
        """Returns when no connection is open."""
        await self._empty.wait()

    async def run(self) -> None:
        """Ping until cancelled."""
        while True:
            await asyncio.sleep(self._tick)
            self._hand = (self._hand + 1) % PLACES
            for number, client in enumerate(tuple(self._places[self._hand]), 1):
                client.ping()
                if number % SLICE == 0:
                    await asyncio.sleep(0)
