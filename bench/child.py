"""Processes of a run: pinned to a core, ended with it, asked over their pipes."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import msgspec

from bench import kernel
from services.run import signals
from services.run.parent_death import end_with_parent

END_WITHIN = 10.0  # seconds


class ProcessFailed(Exception):
    """Raised when a process of the bench ended or said what it should not."""


class BenchProcess:
    """A process that runs."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self.name = name
        self.pid = process.pid
        self._process = process
        self._input = cast("asyncio.StreamWriter", process.stdin)  # both are pipes: see `started`
        self._output = cast("asyncio.StreamReader", process.stdout)
        self._log = log

    def cpu(self) -> float:
        """Seconds of CPU time so far."""
        return kernel.cpu_seconds(self.pid)

    def memory(self) -> int:
        """Bytes."""
        return kernel.memory(self.pid)

    @property
    def runs(self) -> bool:
        return self._process.returncode is None

    def tell(self, line: str) -> None:
        self._input.write(f"{line}\n".encode())

    async def line(self) -> str:
        """The next line of its output."""
        line = await self._output.readline()
        if not line:
            raise self.broken("ended")
        return line.decode().rstrip()

    async def ask(self, line: str) -> dict[str, Any]:
        """Tell it, and wait for its JSON line."""
        self.tell(line)
        return await self.answer()

    async def answer(self) -> dict[str, Any]:
        """The JSON line that answers what it was told last."""
        answer: dict[str, Any] = msgspec.json.decode(await self.line())
        return answer

    def broken(self, what: str) -> ProcessFailed:
        return ProcessFailed(
            f"{self.name} {what}:\n{self._log.read_text(errors='replace')[-2000:]}"
        )

    async def end(self) -> None:
        signals.send(self._process, signal.SIGTERM)
        try:
            async with asyncio.timeout(END_WITHIN):
                await self._process.wait()
        except TimeoutError:
            signals.send(self._process, signal.SIGKILL)
            await self._process.wait()


@asynccontextmanager
async def started(
    name: str,
    command: Sequence[str | Path],
    *,
    core: int,
    log: Path,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> AsyncIterator[BenchProcess]:
    """The command runs on this core while the block does; what it says of errors goes to `log`."""

    def prepare() -> None:
        end_with_parent()
        kernel.pin_to(core)

    with log.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
            preexec_fn=prepare,  # it takes no lock that a thread may hold
        )
    child = BenchProcess(name, process, log)
    try:
        yield child
    finally:
        await child.end()
