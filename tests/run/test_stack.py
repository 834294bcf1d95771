"""Processes that start together, fall together and end in order."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from services.run.child import Command
from services.run.console import Screen
from services.run.stack import Stack
from testing.eventually import PATIENCE

WAITS = "import signal; print('up'); signal.pause()"
NOTES_ITS_END = """
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
IS_DEAF = (
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up'); signal.pause()"
)


class Memory(Screen):
    """A screen that remembers."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def line(self, name: str, text: str) -> None:
        self.said.append(f"{name}: {text}")

    async def shows(self, text: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while text not in self.said:
                await asyncio.sleep(0.01)


def python(name: str, program: str, *arguments: str, shown: bool = True) -> Command:
    return Command(name, (sys.executable, "-c", program, *arguments), shown=shown)


async def test_a_death_is_named_with_its_last_words() -> None:
    """The first process to end by itself is reported: name, status and last lines."""
    async with Stack(Memory()) as stack:
        await stack.start(python("steady", WAITS))
        await stack.start(python("frail", "print('oh'); raise SystemExit(3)", shown=False))
        death = await stack.first_death()
    assert str(death) == "frail died (exit status 3).\n  oh"


async def test_a_kill_is_called_by_its_name() -> None:
    """A process that was killed has no exit status: the signal is named."""
    async with Stack(Memory()) as stack:
        await stack.start(
            python("frail", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
        )
        death = await stack.first_death()
    assert death.how == "killed by SIGKILL"


async def test_they_end_from_the_top_down(tmp_path: Path) -> None:
    """What was started last is stopped first, so that no process loses what it depends on."""
    notes, screen = tmp_path / "notes", Memory()
    async with Stack(screen) as stack:
        for name in ("bottom", "middle", "top"):
            await stack.start(python(name, NOTES_ITS_END, str(notes), name))
            await screen.shows(f"{name}: up")
    assert notes.read_text().split() == ["top", "middle", "bottom"]


async def test_a_process_that_ignores_sigterm_is_killed() -> None:
    """A process that ignores SIGTERM does not keep the others waiting for ever."""
    screen = Memory()
    async with Stack(screen, stop_within=0.2) as stack:
        await stack.start(python("deaf", IS_DEAF))
        await screen.shows("deaf: up")
    assert screen.said[-1].startswith("deaf did not end in")


async def test_a_second_ctrl_c_kills_at_once() -> None:
    """kill() also ends processes that ignore SIGTERM, long before their time is up."""
    screen = Memory()
    async with asyncio.timeout(PATIENCE):
        async with Stack(screen, stop_within=60) as stack:
            await stack.start(python("deaf", IS_DEAF))
            await screen.shows("deaf: up")
            asyncio.get_running_loop().call_later(0.05, stack.kill)
    assert screen.said == ["deaf: up"]


async def test_nothing_is_left_when_the_block_fails() -> None:
    """An exception inside the block ends what was started, too."""
    screen = Memory()

    async def fail() -> None:
        async with Stack(screen) as stack:
            await stack.start(python("child", "import os; print(os.getpid(), flush=True);" + WAITS))
            await screen.shows("child: up")
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        await fail()
    pid = int(screen.said[0].removeprefix("child: "))
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_line_of_any_length_stops_nothing() -> None:
    """A line beyond the limit is dropped, and the ones after it are shown."""
    screen = Memory()
    async with Stack(screen) as stack:
        await stack.start(python("chatty", "print('x' * 3_000_000); " + WAITS))
        await screen.shows("chatty: up")
