"""A process of a run: pinned to a core, ended with it, asked over its pipes."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec

from bench import kernel
from testing.process import Process, ProcessEnded

END_WITHIN_S: Final = 10.0


class ProcessFailed(Exception):
    """Raised when a process of the bench ended or wrote what it should not."""


class BenchProcess:
    """A process that runs. Use `started`."""

    def __init__(self, process: Process, log: Path) -> None:
        self.name = process.name
        self.pid = process.pid
        self._process = process
        self._log = log

    def cpu(self) -> float:
        """Seconds of CPU time so far, its descendants' included."""
        return sum(map(kernel.cpu_seconds, kernel.family(self.pid)))

    def memory(self) -> int:
        """Bytes, its descendants' included."""
        return sum(map(kernel.memory, kernel.family(self.pid)))

    def logged(self) -> int:
        """Lines on its standard error so far."""
        return self._log.read_bytes().count(b"\n")

    @property
    def runs(self) -> bool:
        return self._process.running

    def tell(self, line: str) -> None:
        self._process.write_line(line)

    async def line(self) -> str:
        """The next line of its output. Raises ProcessFailed when it has ended."""
        try:
            return await self._process.next_line()
        except ProcessEnded:
            raise self.broken("ended") from None

    async def ask(self, line: str) -> dict[str, Any]:
        """Write a line to it, and wait for its answer in JSON."""
        self.tell(line)
        return await self.answer()

    async def answer(self) -> dict[str, Any]:
        """The line of JSON that answers what was written last."""
        answer: dict[str, Any] = msgspec.json.decode(await self.line())
        return answer

    def broken(self, what: str) -> ProcessFailed:
        return ProcessFailed(
            f"{self.name} {what}:\n{self._log.read_text(errors='replace')[-2000:]}"
        )

    async def end(self, within: float = END_WITHIN_S) -> None:
        """SIGTERM; SIGKILL when that is not enough after so many seconds."""
        with contextlib.suppress(TimeoutError):  # `stop` has killed it then
            await self._process.stop(within=within)


@asynccontextmanager
async def started(
    name: str,
    command: Sequence[str | Path],
    *,
    core: int | None,
    log: Path,
    env: Mapping[str, str] | None = None,
) -> AsyncIterator[BenchProcess]:
    """Run the command on this core while the block runs; its standard error goes to `log`."""
    with log.open("wb") as stderr:
        process = await Process.start(
            *command,
            name=name,
            env=env or {},
            stdin=True,
            stderr=stderr,
            before_exec=partial(kernel.pin_to, core),
        )
    child = BenchProcess(process, log)
    try:
        yield child
    finally:
        await child.end()
