"""A child process of the runner: started, read line by line, stopped, and tied to its parent."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final, Self

from msgspec import Struct

KEPT_LINES: Final = 15
MAX_LINE_BYTES: Final = 1 << 20
OUTPUT_DRAIN_S: Final = 1.0
"""How long the pipe of an ended process is read: its own children may hold the pipe open."""

PR_SET_PDEATHSIG: Final = 1  # prctl(2)

OutputHandler = Callable[[str, str], None]
"""Called with the name of a process and a line that it wrote."""

_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


class ProcessSpec(Struct, frozen=True):
    """What to start. `env` is added to the runner's own environment."""

    name: str
    arguments: tuple[str, ...]
    env: Mapping[str, str] = {}
    show_output: bool = True  # False: the last lines are shown only if the process fails


class ChildProcess:
    """A running process, in its own session: Ctrl-C in the terminal does not reach it."""

    def __init__(
        self, spec: ProcessSpec, process: asyncio.subprocess.Process, on_output: OutputHandler
    ) -> None:
        self.name = spec.name
        self.last_lines: deque[str] = deque(maxlen=KEPT_LINES)
        self.shows_output = spec.show_output
        self._on_output = on_output
        self._process = process
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, spec: ProcessSpec, on_output: OutputHandler) -> Self:
        process = await asyncio.create_subprocess_exec(
            *spec.arguments,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **spec.env},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=MAX_LINE_BYTES,
            start_new_session=True,
            preexec_fn=end_with_parent,
        )
        return cls(spec, process, on_output)

    async def wait(self) -> str:
        """Wait for the end and the last lines. Returns how it ended, such as `exit status 1`."""
        status = await self._process.wait()
        await asyncio.wait({self._reading}, timeout=OUTPUT_DRAIN_S)
        self._reading.cancel()
        if status < 0:
            return f"killed by {signal.Signals(-status).name}"
        return f"exit status {status}"

    async def stop(self, timeout_s: float) -> bool:
        """Send SIGTERM, and kill the process if it has not ended in time: then False."""
        send_signal(self._process, signal.SIGTERM)
        try:
            async with asyncio.timeout(timeout_s):
                await self._process.wait()
        except TimeoutError:
            self.kill()
            await self._process.wait()
            return False
        return True

    def kill(self) -> None:
        """Kill the process and its own children at once."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def _read(self) -> None:
        output = self._process.stdout
        assert output is not None  # noqa: S101 (a pipe: see `start`)
        while True:
            try:
                line = await output.readline()
            except ValueError:  # longer than MAX_LINE_BYTES
                continue
            if not line:
                return
            text = line.decode(errors="replace").rstrip("\n")
            self.last_lines.append(text)
            if self.shows_output:
                self._on_output(self.name, text)


def send_signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    """Send a signal; does nothing if the process has ended.

    Not by the method of `process`: before Python 3.12.9 that reaps a process that has just ended,
    so that asyncio finds no exit status and reports 255 (CPython, gh-127049).
    """
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)


def end_with_parent() -> None:
    """A `preexec_fn`: the kernel kills the child when its parent ends. Only Linux has this."""
    if _prctl is not None:
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
