"""Processes that stand on each other: they start bottom first, end top first, and fall together."""

from __future__ import annotations

import asyncio
from typing import Self

from msgspec import Struct

from services.run.child import Child, Command
from services.run.console import Screen

STOP_WITHIN = 10.0  # seconds that a process has to end by itself


class Death(Struct, frozen=True):
    """A process that ended although nobody asked it to."""

    name: str
    how: str
    last_lines: list[str]

    def __str__(self) -> str:
        said = [f"{self.name} died ({self.how}).", *(f"  {line}" for line in self.last_lines)]
        return "\n".join(said)


class Stack:
    """`async with` it: whatever was started is ended when the block is left."""

    def __init__(self, screen: Screen, stop_within: float = STOP_WITHIN) -> None:
        self._screen = screen
        self._stop_within = stop_within
        self._floors: list[list[Child]] = []
        self._watches: set[asyncio.Task[None]] = set()
        self._death: asyncio.Future[Death] = asyncio.get_running_loop().create_future()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for watch in self._watches:
            watch.cancel()
        for floor in reversed(self._floors):
            await asyncio.gather(*(self._stop(child) for child in floor))

    async def start(self, *commands: Command) -> None:
        """Start these side by side, on top of those started before."""
        floor: list[Child] = []
        self._floors.append(floor)
        for command in commands:
            child = await Child.start(command, self._screen.line)
            floor.append(child)
            self._watches.add(asyncio.create_task(self._watch(child)))

    async def first_death(self) -> Death:
        """Wait until any of them ends by itself."""
        return await asyncio.shield(self._death)

    def kill(self) -> None:
        """For the impatient: `async with` goes on to its end at once."""
        for floor in self._floors:
            for child in floor:
                child.kill()

    async def _watch(self, child: Child) -> None:
        how = await child.ended()
        if not self._death.done():
            self._death.set_result(Death(child.name, how, list(child.last_lines)))

    async def _stop(self, child: Child) -> None:
        if not await child.stop(self._stop_within):
            self._screen.say(f"{child.name} did not end in {self._stop_within:.0f} s: killed.")
