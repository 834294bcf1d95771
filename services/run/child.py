"""One process that the runner started, and the last lines that it wrote."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections import deque
from collections.abc import Callable, Mapping
from typing import Self

from msgspec import Struct

from services.run import signals
from services.run.parent_death import end_with_parent

LAST_LINES = 15
LONGEST_LINE = 1 << 20  # bytes
DRAIN_FOR = 1.0  # seconds that a dead process's pipe may stay open in somebody else's hands

Say = Callable[[str, str], None]
"""Takes a process's name and a line that it wrote."""


class Command(Struct, frozen=True):
    """What to start. `env` comes over the runner's own environment."""

    name: str
    arguments: tuple[str, ...]
    env: Mapping[str, str] = {}
    shown: bool = True  # else its lines are only kept for the case that it dies


class Child:
    """A running process in a session of its own: a Ctrl-C in the terminal does not reach it."""

    def __init__(self, command: Command, process: asyncio.subprocess.Process, say: Say) -> None:
        self.name = command.name
        self.last_lines: deque[str] = deque(maxlen=LAST_LINES)
        self._shown = command.shown
        self._say = say
        self._process = process
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, command: Command, say: Say) -> Self:
        process = await asyncio.create_subprocess_exec(
            *command.arguments,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **command.env},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=LONGEST_LINE,
            start_new_session=True,
            preexec_fn=end_with_parent,
        )
        return cls(command, process, say)

    async def ended(self) -> str:
        """How it ended, such as `exit status 1`: once it has, and its last lines are read."""
        status = await self._process.wait()
        await asyncio.wait({self._reading}, timeout=DRAIN_FOR)
        self._reading.cancel()
        if status < 0:
            return f"killed by {signal.Signals(-status).name}"
        return f"exit status {status}"

    async def stop(self, within: float) -> bool:
        """Ask it to end, and kill it when it has not after `within` seconds: then False."""
        signals.send(self._process, signal.SIGTERM)
        try:
            async with asyncio.timeout(within):
                await self._process.wait()
        except TimeoutError:
            self.kill()
            await self._process.wait()
            return False
        return True

    def kill(self) -> None:
        """End it and whatever it started, at once."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def _read(self) -> None:
        output = self._process.stdout
        assert output is not None  # noqa: S101 (it was asked for)
        while True:
            try:
                line = await output.readline()
            except ValueError:  # longer than LONGEST_LINE
                continue
            if not line:
                return
            text = line.decode(errors="replace").rstrip("\n")
            self.last_lines.append(text)
            if self._shown:
                self._say(self.name, text)
