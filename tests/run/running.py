"""`python -m services` as a person starts it, and what it prints."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from shared.config import ApiSettings, CardsSettings, GatewaySettings, WsSettings
from testing.free_port import free_port

PROC = Path("/proc")
ROOT = Path(__file__).parents[2]
UNSET = {
    field.name.upper(): ""
    for kind in (GatewaySettings, ApiSettings, WsSettings, CardsSettings)
    for field in msgspec.structs.fields(kind)
}
"""No setting of this machine and no `.env` (a real bot's!) may reach a test."""

FREE_PORTS = {"API_PORT": "0", "WS_PORT": "0", "CARDS_PORT": "0"}
ONE_AT_A_TIME = Path(tempfile.gettempdir()) / "grux-tests-run.lock"
UP_WITHIN, DOWN_WITHIN = 60.0, 30.0  # seconds


class Running:
    """The process, what it has printed, and its end."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.printed = ""

    async def prints(self, text: str) -> None:
        """Wait for `text` on its standard output."""
        output = self.process.stdout
        assert output is not None
        async with asyncio.timeout(UP_WITHIN):
            while text not in self.printed:
                line = await output.readline()
                assert line, f"it ended without printing {text!r}:\n{self.printed}"
                self.printed += line.decode()

    def line_with(self, text: str) -> str:
        """The printed line that holds `text`."""
        return next(line for line in self.printed.splitlines() if text in line).strip()

    async def end(self) -> tuple[int, str]:
        """Its exit status and what it said on standard error."""
        async with asyncio.timeout(DOWN_WITHIN):
            output, errors = await self.process.communicate()
        self.printed += output.decode()
        assert self.process.returncode is not None
        return self.process.returncode, errors.decode()

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
async def running(env: dict[str, str]) -> AsyncIterator[Running]:
    """Start it with these settings alone. Ended in any case, with all that it started.

    Alone on this machine: it looks for free ports long before somebody listens there.
    """
    with ONE_AT_A_TIME.open("w") as lock:
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
        async with _running(env) as it:
            yield it


@asynccontextmanager
async def _running(env: dict[str, str]) -> AsyncIterator[Running]:
    ports = {name: str(free_port()) for name in FREE_PORTS}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services"),
        cwd=ROOT,
        env={**os.environ, **UNSET, **ports, **env},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    it = Running(process)
    try:
        yield it
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            await it.end()


def alive(pid: int) -> bool:
    """Whether the process runs: an ended one that its new parent does not bury does not."""
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
