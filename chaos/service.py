"""One process of Grux: started, hurt, and listened to."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from services.run import signals
from services.run.parent_death import end_with_parent
from shared import config

ROOT: Final = Path(__file__).parents[1]
END_WITHIN: Final = 10.0  # seconds after SIGTERM, as docs/operations.md promises
_COMPLAINTS: Final = ("Traceback", "never retrieved", "never awaited", "Unclosed")


class Service:
    """`python -m services.<module>`. What goes wrong by itself is collected in `troubles`."""

    def __init__(self, name: str, module: str, env: Mapping[str, str]) -> None:
        self.name = name
        self.lines: list[tuple[float, str]] = []  # monotonic seconds, and what was written
        self.troubles: list[str] = []
        self.largest_kb = 0  # resident memory, of all its lives
        self._module = module
        self._env = {**config.environment(), **env, "PYTHONUNBUFFERED": "1"}
        self._process: asyncio.subprocess.Process | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._may_end = True
        self._has_spoken = False  # since its last start

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", f"services.{self._module}"),
            cwd=ROOT,
            env=self._env,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=1 << 20,
            start_new_session=True,
            preexec_fn=end_with_parent,
        )
        self._may_end = self._has_spoken = False
        self._note(f"-- started, pid {self._process.pid}")
        self._tasks = [
            asyncio.create_task(self._read(self._process)),
            asyncio.create_task(self._watch(self._process)),
        ]

    async def kill(self) -> None:
        """SIGKILL; returns when it is gone."""
        self._may_end = True
        if self.running:
            self._weigh()
            self.send(signal.SIGKILL)
        await self._gone()

    async def terminate(self) -> None:
        """SIGTERM; a trouble when it does not end with 0, or not in time.

        Python that is still importing the service is ended by the signal itself: no trouble.
        """
        self._may_end = True
        if not self.running or self._process is None:
            return
        self._weigh()
        self.send(signal.SIGTERM)
        try:
            async with asyncio.timeout(END_WITHIN):
                code = await self._process.wait()
        except TimeoutError:
            self.troubles.append(f"{self.name} did not end within {END_WITHIN:.0f} s of SIGTERM")
            self.send(signal.SIGKILL)
        else:
            if code != 0 and (self._has_spoken or code != -signal.SIGTERM):
                self.troubles.append(f"{self.name} ended with {code} on SIGTERM")
        await self._gone()

    def send(self, number: signal.Signals) -> None:
        """Any signal; does nothing when the process is gone."""
        self._note(f"-- {number.name}")
        if self._process is not None:
            signals.send(self._process, number)

    def memory_kb(self) -> int:
        """The largest resident set so far."""
        self._weigh()
        return self.largest_kb

    async def _gone(self) -> None:
        if self._process is not None:
            await self._process.wait()
            await asyncio.wait(self._tasks, timeout=2.0)
            for task in self._tasks:
                task.cancel()

    def _weigh(self) -> None:
        if self._process is None:
            return
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{self._process.pid}/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    self.largest_kb = max(self.largest_kb, int(line.split()[1]))

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        code = await process.wait()
        self._note(f"-- ended with {code}")
        if not self._may_end:
            self.troubles.append(f"{self.name} ended by itself with {code}")

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        if process.stdout is None:
            return
        async for raw in process.stdout:
            self._has_spoken = True
            line = raw.decode(errors="replace").rstrip()
            self._note(line)
            if any(words in line for words in _COMPLAINTS):
                self.troubles.append(f"{self.name} wrote {line!r}")

    def _note(self, line: str) -> None:
        self.lines.append((time.monotonic(), line))
