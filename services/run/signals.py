"""Signals to a process that asyncio has started."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal


def send(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    """Does nothing when it is gone.

    Not by the process' own method: before Python 3.12.9 that takes the exit status of one that
    has just ended, asyncio finds none and calls it 255 (CPython, gh-127049).
    """
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)
