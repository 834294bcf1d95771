"""`python -m services` as a user starts it, and what it prints."""

from __future__ import annotations

import asyncio
import fcntl
import os
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from testing.free_port import free_port
from testing.process import Process

PROC: Final = Path("/proc")
FREE_PORTS: Final = {"API_PORT": "0", "WS_PORT": "0", "CARDS_PORT": "0"}
ONE_AT_A_TIME: Final = Path(tempfile.gettempdir()) / "grux-tests-run.lock"
UP_WITHIN_S, DOWN_WITHIN_S = 60.0, 30.0


class Running:
    """The process, what it has printed, and its end."""

    def __init__(self, process: Process) -> None:
        self.process = process

    @property
    def printed(self) -> str:
        """Its standard output so far."""
        return self.process.output

    async def prints(self, text: str) -> None:
        """Wait for `text` on its standard output."""
        await self.process.line_with(text, UP_WITHIN_S)
        assert text in self.printed

    def line_with(self, text: str) -> str:
        """The printed line that holds `text`."""
        return next(line for line in self.process.stdout if text in line).strip()

    async def end(self) -> tuple[int, str]:
        """Its exit status, and what it wrote on standard error."""
        return await self.process.ended(DOWN_WITHIN_S), self.process.errors

    def children(self) -> dict[int, str]:
        """Process ids and command lines; none where there is no /proc."""
        if not PROC.exists():
            return {}
        return {
            pid: (PROC / str(pid) / "cmdline").read_text().replace("\0", " ")
            for pid in map(int, filter(str.isdigit, os.listdir(PROC)))
            if _parent(pid) == self.process.pid
        }


@asynccontextmanager
async def running(env: Mapping[str, str], folder: Path | None = None) -> AsyncIterator[Running]:
    """Start it with these settings alone, and end it in any case, with all that it started.

    `folder`: where it keeps its files; without one, nothing stays.

    Alone on this machine: it looks for free ports long before its services listen there.
    """
    with ONE_AT_A_TIME.open("w") as lock, tempfile.TemporaryDirectory() as temporary:
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
        ports = {name: str(free_port()) for name in FREE_PORTS}
        settings = {"DRAIN_SECONDS": "0", **ports, **env}
        process = await Process.start_module(
            "services", env=settings, cwd=folder or Path(temporary), fork=False
        )
        try:
            yield Running(process)
        finally:
            await process.stop(within=DOWN_WITHIN_S)


def alive(pid: int) -> bool:
    """Whether the process runs: a zombie does not."""
    return _stat(pid)[0] not in ("", "Z")


def _parent(pid: int) -> int:
    return int(_stat(pid)[1])


def _stat(pid: int) -> tuple[str, str]:
    """State and parent, "" and 0 when it is gone. See proc(5), /proc/pid/stat."""
    try:
        stat = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return "", "0"
    state, parent, *_ = stat.rpartition(")")[2].split()
    return state, parent
