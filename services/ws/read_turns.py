"""Clients that say much are read in turn, a few of them in each turn of the event loop.

Else a turn would take as long as all of their messages together, and what other clients wait for
(a handshake, an answer of Redis) needs several turns.
"""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import Protocol


class ReadClient(Protocol):
    """services.ws.connection.Connection, as far as it is needed here."""

    def hold(self) -> None:
        """Read nothing more for now."""

    def on_read_turn(self) -> None:
        """Read again."""


class ReadTurns:
    """Each client that has sent a message waits for the others that have."""

    def __init__(self, at_once: int) -> None:
        """`at_once`: clients in a turn of the event loop."""
        self._at_once = at_once
        self._waiting: dict[ReadClient, None] = {}

    def wait(self, client: ReadClient) -> None:
        """Read it again when it is its turn."""
        client.hold()
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._next)
        self._waiting[client] = None

    def _next(self) -> None:
        for client in list(islice(self._waiting, self._at_once)):
            del self._waiting[client]
            client.on_read_turn()
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._next)
