"""The processes that draw: few, started when they are needed, and ended when they take too long.

See services/api/card/drawing/__main__.py for why they are processes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from services.api.card.jobs import Job, Result

log = logging.getLogger(__name__)

MOST: Final = 2  # processes: their memory is 45 MB each, and the machine has other work
WAITING: Final = 32  # jobs: whoever comes when as many wait is better told at once
WITHIN: Final = 10.0  # seconds for one job, a start among them; a slow one takes half of one

_ROOT: Final = Path(__file__).parents[3]
_LENGTH: Final = struct.Struct("<I")
_encode = msgspec.msgpack.Encoder().encode
_decode: Callable[[bytes], Result] = msgspec.msgpack.Decoder(Result).decode


class TooBusy(Exception):
    """Raised when more is to be drawn than can be."""


class NotDrawn(Exception):
    """Raised when the process died of the job, or took too long for it."""


class Draughtsmen:
    """Each job is done by one of at most `most` processes, in the order in which they come."""

    def __init__(self, most: int = MOST, waiting: int = WAITING, within: float = WITHIN) -> None:
        self.done = 0  # jobs
        self.refused = 0  # jobs: TooBusy
        self._within = within
        self._most_waiting = waiting
        self._waiting = 0
        self._free = asyncio.Semaphore(most)
        self._idle: list[asyncio.subprocess.Process] = []
        self._running: set[asyncio.subprocess.Process] = set()
        self._closed = False

    async def do(self, job: Job) -> Result:
        """Raises TooBusy at once, NotDrawn after a while."""
        if self._closed or self._waiting >= self._most_waiting:
            self.refused += 1
            raise TooBusy
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1
        try:
            return await self._do(job)
        finally:
            self._free.release()

    async def close(self) -> None:
        self._closed = True
        for process in list(self._running):
            await _end(process)
        self._running.clear()
        self._idle.clear()

    async def _do(self, job: Job) -> Result:
        process: asyncio.subprocess.Process | None = None
        try:
            async with asyncio.timeout(self._within):
                process = self._idle.pop() if self._idle else await self._start()
                answer = await _ask(process, _encode(job))
        except (TimeoutError, asyncio.IncompleteReadError, OSError) as error:
            log.warning("api: drawing %s failed: %s", type(job).__name__, type(error).__name__)
            raise NotDrawn from None
        else:
            self.done += 1
            self._idle.append(process)
            process = None
            return _decode(answer)
        finally:
            if process is not None:  # it is in the middle of something, or dead
                self._running.discard(process)
                await _end(process)

    async def _start(self) -> asyncio.subprocess.Process:
        """Without our environment: whoever decodes strangers' pictures knows no token."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "services.api.card.drawing"),
            cwd=_ROOT,
            env={},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        self._running.add(process)
        return process


async def _ask(process: asyncio.subprocess.Process, message: bytes) -> bytes:
    outgoing, incoming = process.stdin, process.stdout
    if outgoing is None or incoming is None:
        raise BrokenPipeError
    outgoing.write(_LENGTH.pack(len(message)) + message)
    await outgoing.drain()
    (length,) = _LENGTH.unpack(await incoming.readexactly(_LENGTH.size))
    return await incoming.readexactly(length)


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()
