"""A signal to a process that may have ended just now."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator

import pytest

from services.run import signals


@pytest.fixture
async def told_by_the_loop() -> AsyncIterator[None]:
    """How asyncio hears of an end on Linux since Python 3.12, and not by a thread at once."""
    if sys.version_info < (3, 12):
        watcher = asyncio.PidfdChildWatcher()
        watcher.attach_loop(asyncio.get_running_loop())
        asyncio.set_child_watcher(watcher)
        yield
        asyncio.set_child_watcher(asyncio.ThreadedChildWatcher())
    else:
        yield


@pytest.mark.skipif(sys.platform != "linux", reason="a thread is told, and that at once")
@pytest.mark.usefixtures("told_by_the_loop")
async def test_how_it_ended_stays_known() -> None:
    """It is gone, asyncio does not know yet, and a signal is sent."""
    process = await asyncio.create_subprocess_exec("sleep", "60")
    os.kill(process.pid, signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # noqa: ASYNC222 (it is not told)
    signals.send(process, signal.SIGTERM)
    assert await process.wait() == -signal.SIGKILL


async def test_an_ended_process_gets_no_signal() -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
    assert await process.wait() == 0
    signals.send(process, signal.SIGTERM)
    assert process.returncode == 0
