"""The processes of the runner: started in layers, watched, and stopped in reverse order."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from typing import Final, Self

from msgspec import Struct

from services.run.child_process import ChildProcess, ProcessSpec

STOP_TIMEOUT_S: Final = 10.0  # from SIGTERM to SIGKILL

NAME_COLORS: Final = {
    "redis": 31,
    "durable": 31,
    "simulator": 35,
    "gateway": 33,
    "api": 36,
    "ws": 32,
    "cards": 34,
    "webhooks": 90,
}
"""The ANSI color of each process's name."""


class Console:
    """Standard output: lines with names and colors on a terminal, bare lines elsewhere.

    Bare, because JSON logs then stay JSON.
    """

    def __init__(self) -> None:
        self._terminal = sys.stdout.isatty()
        self._colored = self._terminal and not os.environ.get("NO_COLOR")

    def print_output(self, name: str, line: str) -> None:
        """A line that the process `name` wrote."""
        self.print(f"{self._prefix(name)} {line}" if self._terminal else line)

    def print(self, text: str) -> None:
        """The runner's own text."""
        with contextlib.suppress(OSError):  # a closed pipe or terminal must not stop the services
            print(text, flush=True)

    def _prefix(self, name: str) -> str:
        padded = f"{name:<9} |"
        return f"\033[{NAME_COLORS.get(name, 0)}m{padded}\033[0m" if self._colored else padded


class UnexpectedExit(Struct, frozen=True):
    """A process ended that was not told to stop."""

    name: str
    how: str
    last_lines: list[str] | None  # None: the console has shown them

    def __str__(self) -> str:
        reason = f"{self.name} ended unexpectedly ({self.how})."
        if self.last_lines is None:
            return f"{reason} The log lines above may show why."
        if not self.last_lines:
            return f"{reason} It printed nothing."
        return "\n".join([f"{reason} Its last lines:", *(f"  {line}" for line in self.last_lines)])


class ProcessStack:
    """The running processes. Leaving `async with` stops them, the last layer first."""

    def __init__(self, console: Console, stop_timeout_s: float = STOP_TIMEOUT_S) -> None:
        self._console = console
        self._stop_timeout_s = stop_timeout_s
        self._layers: list[list[ChildProcess]] = []
        self._watchers: set[asyncio.Task[None]] = set()
        self._first_exit: asyncio.Future[UnexpectedExit] = (
            asyncio.get_running_loop().create_future()
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for watcher in self._watchers:
            watcher.cancel()
        for layer in reversed(self._layers):
            await asyncio.gather(*(self._stop(child) for child in layer))

    async def start(self, *specs: ProcessSpec) -> None:
        """Start a layer of processes. They may depend on the layers before, not on each other."""
        layer: list[ChildProcess] = []
        self._layers.append(layer)
        for spec in specs:
            child = await ChildProcess.start(spec, self._console.print_output)
            layer.append(child)
            self._watchers.add(asyncio.create_task(self._watch(child)))

    async def first_exit(self) -> UnexpectedExit:
        """Wait until any of the processes ends by itself."""
        return await asyncio.shield(self._first_exit)

    def kill(self) -> None:
        """Kill all processes at once; leaving `async with` then waits for nothing."""
        for layer in self._layers:
            for child in layer:
                child.kill()

    async def _watch(self, child: ChildProcess) -> None:
        how = await child.wait()
        if not self._first_exit.done():
            last_lines = None if child.shows_output else list(child.last_lines)
            self._first_exit.set_result(UnexpectedExit(child.name, how, last_lines))

    async def _stop(self, child: ChildProcess) -> None:
        if not await child.stop(self._stop_timeout_s):
            self._console.print(
                f"{child.name} did not stop within {self._stop_timeout_s:.0f} s and was killed."
            )
