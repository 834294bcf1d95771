"""Processes that start in layers and stop in reverse order, and the exit of one of them."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from services.run.child_process import ProcessSpec
from services.run.process_stack import Console, ProcessStack
from testing.eventually import PATIENCE

WAITS = "import signal; print('up'); signal.pause()"
NOTES_ITS_STOP = """
import pathlib, signal, sys
def end(*_):
    with pathlib.Path(sys.argv[1]).open("a") as notes:
        notes.write(sys.argv[2] + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("up")
while True:
    signal.pause()
"""
IGNORES_SIGTERM = """
import signal
signal.signal(signal.SIGTERM, lambda *_: print("ignored"))
print("up")
while True:
    signal.pause()
"""


class RecordingConsole(Console):
    """Keeps what would be printed."""

    def __init__(self) -> None:
        self.printed: list[str] = []

    def print(self, text: str) -> None:
        self.printed.append(text)

    def print_output(self, name: str, line: str) -> None:
        self.printed.append(f"{name}: {line}")

    async def shows(self, text: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while text not in self.printed:
                await asyncio.sleep(0.01)


def python(name: str, program: str, *arguments: str, show_output: bool = True) -> ProcessSpec:
    return ProcessSpec(name, (sys.executable, "-c", program, *arguments), show_output=show_output)


async def test_an_unexpected_exit_is_reported_with_the_last_lines() -> None:
    """The first process to end by itself is reported: name, status and last lines."""
    async with ProcessStack(RecordingConsole()) as stack:
        await stack.start(python("steady", WAITS))
        await stack.start(python("frail", "print('oh'); raise SystemExit(3)", show_output=False))
        exited = await stack.first_exit()
    assert str(exited) == "frail ended unexpectedly (exit status 3). Its last lines:\n  oh"


async def test_lines_that_were_shown_are_not_repeated() -> None:
    """The console has printed them when the process ends."""
    console = RecordingConsole()
    async with ProcessStack(console) as stack:
        await stack.start(python("frail", "print('oh'); raise SystemExit(3)"))
        exited = await stack.first_exit()
    assert console.printed == ["frail: oh"]
    assert str(exited) == (
        "frail ended unexpectedly (exit status 3). The log lines above may show why."
    )


async def test_a_kill_is_reported_as_its_signal() -> None:
    """A process that was killed has no exit status: the signal is named."""
    async with ProcessStack(RecordingConsole()) as stack:
        await stack.start(
            python("frail", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
        )
        exited = await stack.first_exit()
    assert exited.how == "killed by SIGKILL"


async def test_they_stop_from_the_top_down(tmp_path: Path) -> None:
    """What was started last is stopped first, so that no process loses what it depends on."""
    notes, console = tmp_path / "notes", RecordingConsole()
    async with ProcessStack(console) as stack:
        for name in ("bottom", "middle", "top"):
            await stack.start(python(name, NOTES_ITS_STOP, str(notes), name))
            await console.shows(f"{name}: up")
    assert notes.read_text().split() == ["top", "middle", "bottom"]


async def test_a_process_that_ignores_sigterm_is_killed() -> None:
    """A process that ignores SIGTERM does not make the others wait forever."""
    console = RecordingConsole()
    async with ProcessStack(console, stop_timeout_s=0.2) as stack:
        await stack.start(python("stubborn", IGNORES_SIGTERM))
        await console.shows("stubborn: up")
    assert "stubborn did not stop within 0 s and was killed." in console.printed


async def test_a_second_ctrl_c_kills_at_once() -> None:
    """kill() also ends processes that ignore SIGTERM, long before their time is up."""
    console = RecordingConsole()

    async def kill_while_stopping(stack: ProcessStack) -> None:
        await console.shows("stubborn: ignored")
        stack.kill()

    async with asyncio.timeout(PATIENCE):
        async with ProcessStack(console, stop_timeout_s=60) as stack:
            await stack.start(python("stubborn", IGNORES_SIGTERM))
            await console.shows("stubborn: up")
            killing = asyncio.create_task(kill_while_stopping(stack))
    await killing
    assert console.printed == ["stubborn: up", "stubborn: ignored"]


async def test_nothing_is_left_running_when_the_block_fails() -> None:
    """An exception inside the block also stops what was started."""
    console = RecordingConsole()

    async def fail() -> None:
        async with ProcessStack(console) as stack:
            await stack.start(python("child", "import os; print(os.getpid(), flush=True);" + WAITS))
            await console.shows("child: up")
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        await fail()
    pid = int(console.printed[0].removeprefix("child: "))
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_line_of_any_length_stops_nothing() -> None:
    """A line beyond the limit is dropped, and the ones after it are shown."""
    console = RecordingConsole()
    async with ProcessStack(console) as stack:
        await stack.start(python("chatty", "print('x' * 3_000_000); " + WAITS))
        await console.shows("chatty: up")
