"""A signal to a process that may have just ended."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator

import pytest

from services.run.child_process import send_signal


@pytest.fixture
async def pidfd_watcher() -> AsyncIterator[None]:
    """How asyncio reaps processes on Linux since Python 3.12: in the loop, not in a thread."""
    if sys.version_info < (3, 12):
        watcher = asyncio.PidfdChildWatcher()
        watcher.attach_loop(asyncio.get_running_loop())
        asyncio.set_child_watcher(watcher)
        yield
        asyncio.set_child_watcher(asyncio.ThreadedChildWatcher())
    else:
        yield


@pytest.mark.skipif(sys.platform != "linux", reason="a thread reaps the process at once")
@pytest.mark.usefixtures("pidfd_watcher")
async def test_the_exit_status_is_not_lost() -> None:
    """It is gone, asyncio does not know yet, and a signal is sent."""
    process = await asyncio.create_subprocess_exec("sleep", "60")
    os.kill(process.pid, signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # noqa: ASYNC222 (asyncio does not see it)
    send_signal(process, signal.SIGTERM)
    assert await process.wait() == -signal.SIGKILL


async def test_an_ended_process_gets_no_signal() -> None:
    """send_signal does nothing, and the exit status stays."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
    assert await process.wait() == 0
    send_signal(process, signal.SIGTERM)
    assert process.returncode == 0
