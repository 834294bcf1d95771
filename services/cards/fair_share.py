"""How much of the render pool one address gets: its cards wait for each other, others do not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from services.cards.render_pool import PoolFull

RENDERS_AT_ONCE: Final = 8  # the render pool has places for 32 jobs
RENDERS_WAITING: Final = 64  # a longer queue would only make each of them wait longer


class FairShare:
    """At most `at_once` renders of an address at a time. Further ones wait for their turn."""

    def __init__(self, at_once: int = RENDERS_AT_ONCE, max_waiting: int = RENDERS_WAITING) -> None:
        """Both are of one address."""
        self._at_once = at_once
        self._max_waiting = max_waiting
        self._shares: dict[str, _Share] = {}

    def __len__(self) -> int:
        """How many addresses have renders under way."""
        return len(self._shares)

    @asynccontextmanager
    async def turn(self, address: str) -> AsyncIterator[None]:
        """The block runs when it is the address's turn. Raises PoolFull when too many wait.

        An empty address is not limited: it stands for all visitors that cannot be told apart.
        """
        if not address:
            yield
            return
        share = self._shares.get(address)
        if share is None:
            share = self._shares[address] = _Share(self._at_once)
        if share.users >= self._at_once + self._max_waiting:
            raise PoolFull
        share.users += 1
        try:
            async with share.turns:
                yield
        finally:
            share.users -= 1
            if not share.users:
                del self._shares[address]


class _Share:
    def __init__(self, at_once: int) -> None:
        self.turns = asyncio.Semaphore(at_once)
        self.users = 0  # renders under way, and those that wait
