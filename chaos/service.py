"""One process of Grux: started, hurt, and watched for what goes wrong by itself."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from testing.process import Process

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
        self._env = env
        self._process: Process | None = None
        self._watching: asyncio.Task[None] | None = None
        self._may_end = True

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.running

    async def start(self) -> None:
        self._process = await Process.start_module(
            f"services.{self._module}", name=self.name, env=self._env, on_line=self._check
        )
        self._may_end = False
        self._note(f"-- started, pid {self._process.pid}")
        self._watching = asyncio.create_task(self._watch(self._process))

    async def kill(self) -> None:
        """SIGKILL; returns when it is gone."""
        self._may_end = True
        if self._process is not None:
            self._weigh()
            self.send(signal.SIGKILL)
            await self._gone(self._process)

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
            code = await self._process.ended(within=END_WITHIN)
        except TimeoutError:
            self.troubles.append(f"{self.name} did not end within {END_WITHIN:.0f} s of SIGTERM")
            self.send(signal.SIGKILL)
        else:
            if code != 0 and (self._process.lines or code != -signal.SIGTERM):
                self.troubles.append(f"{self.name} ended with {code} on SIGTERM")
        await self._gone(self._process)

    def send(self, number: signal.Signals) -> None:
        """Any signal; does nothing when the process is gone."""
        self._note(f"-- {number.name}")
        if self._process is not None:
            self._process.send(number)

    def memory_kb(self) -> int:
        """The largest resident set so far."""
        self._weigh()
        return self.largest_kb

    async def _gone(self, process: Process) -> None:
        await process.ended()
        if self._watching is not None:
            await self._watching

    def _weigh(self) -> None:
        if self._process is None:
            return
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{self._process.pid}/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    self.largest_kb = max(self.largest_kb, int(line.split()[1]))

    async def _watch(self, process: Process) -> None:
        code = await process.wait()
        self._note(f"-- ended with {code}")
        if not self._may_end:
            self.troubles.append(f"{self.name} ended by itself with {code}")

    def _check(self, line: str) -> None:
        self._note(line)
        if any(words in line for words in _COMPLAINTS):
            self.troubles.append(f"{self.name} wrote {line!r}")

    def _note(self, line: str) -> None:
        self.lines.append((time.monotonic(), line))
