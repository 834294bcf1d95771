"""The pool of render processes: few, started on demand, killed when a job takes too long.

See services/cards/render/__main__.py for why they are processes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self

import msgspec

from services.cards.render_jobs import RenderJob, RenderResult

log = logging.getLogger(__name__)

MAX_PROCESSES: Final = 2  # of 45 MB each
MAX_QUEUED_JOBS: Final = 32  # a longer queue would only make every visitor wait longer
JOB_TIMEOUT_S: Final = 10.0  # including the start of a process, which takes up to half of it

FAILURE_LOG_INTERVAL_S: Final = 10.0

_ROOT: Final = Path(__file__).parents[2]
_LENGTH: Final = struct.Struct("<I")
_encode = msgspec.msgpack.Encoder().encode
_decode: Callable[[bytes], RenderResult] = msgspec.msgpack.Decoder(RenderResult).decode


class PoolFull(Exception):
    """Raised when the queue of jobs is full."""


class RenderFailed(Exception):
    """Raised when a render process died of a job or ran into its time limit."""


class RenderPool:
    """Runs each job in one of at most `processes` processes, first in, first out.

    `async with` is its lifetime. The first process starts with the first job.
    """

    def __init__(
        self,
        processes: int = MAX_PROCESSES,
        queued_jobs: int = MAX_QUEUED_JOBS,
        job_timeout_s: float = JOB_TIMEOUT_S,
    ) -> None:
        self.completed = 0  # jobs
        self.rejected = 0  # jobs: PoolFull
        self._job_timeout_s = job_timeout_s
        self._unlogged = 0  # failed jobs
        self._next_log_at = 0.0  # loop time
        self._max_queued = queued_jobs
        self._queued = 0
        self._free = asyncio.Semaphore(processes)
        self._idle: list[asyncio.subprocess.Process] = []
        self._processes: set[asyncio.subprocess.Process] = set()
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closed = True
        for process in list(self._processes):
            await _kill(process)
        self._processes.clear()
        self._idle.clear()

    @property
    def queued(self) -> int:
        """Jobs that wait for a process."""
        return self._queued

    async def submit(self, job: RenderJob) -> RenderResult:
        """Raises PoolFull at once, or RenderFailed after at most the job's time limit."""
        if self._closed or self._queued >= self._max_queued:
            self.rejected += 1
            raise PoolFull
        self._queued += 1
        try:
            await self._free.acquire()
        finally:
            self._queued -= 1
        try:
            return await self._run(job)
        finally:
            self._free.release()

    async def _run(self, job: RenderJob) -> RenderResult:
        process: asyncio.subprocess.Process | None = None
        try:
            async with asyncio.timeout(self._job_timeout_s):
                process = self._take_idle() or await self._start()
                answer = await _exchange(process, _encode(job))
        # uvloop raises RuntimeError for a write to a process that has just ended.
        except (TimeoutError, asyncio.IncompleteReadError, OSError, RuntimeError) as error:
            self._log_failure(job, error)
            raise RenderFailed from None
        else:
            self.completed += 1
            self._idle.append(process)
            process = None
            return _decode(answer)
        finally:
            if process is not None:  # dead, or in the middle of an answer that nothing will read
                self._processes.discard(process)
                await _kill(process)

    def _log_failure(self, job: RenderJob, error: Exception) -> None:
        """At most one line in ten seconds: a visitor may choose images that make jobs fail."""
        self._unlogged += 1
        now = asyncio.get_running_loop().time()
        if now < self._next_log_at:
            return
        names = type(job).__name__, type(error).__name__
        log.warning(
            "cards: %s failed: %s (failed jobs since the last line: %d)", *names, self._unlogged
        )
        self._unlogged, self._next_log_at = 0, now + FAILURE_LOG_INTERVAL_S

    def _take_idle(self) -> asyncio.subprocess.Process | None:
        """One that has not ended meanwhile, for want of memory for example."""
        while self._idle:
            process = self._idle.pop()
            if process.returncode is None:
                return process
            self._processes.discard(process)
        return None

    async def _start(self) -> asyncio.subprocess.Process:
        """With an empty environment: what decodes foreign images must not hold the token."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "services.cards.render"),
            cwd=_ROOT,
            env={},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        self._processes.add(process)
        return process


async def _exchange(process: asyncio.subprocess.Process, message: bytes) -> bytes:
    outgoing, incoming = process.stdin, process.stdout
    if outgoing is None or incoming is None:
        raise BrokenPipeError
    outgoing.write(_LENGTH.pack(len(message)) + message)
    await outgoing.drain()
    (length,) = _LENGTH.unpack(await incoming.readexactly(_LENGTH.size))
    return await incoming.readexactly(length)


async def _kill(process: asyncio.subprocess.Process) -> None:
    # Not by its own method: before Python 3.12.9, asyncio may reap a process there that has just
    # ended, and then finds no exit status (CPython, gh-127049).
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
    await process.wait()
