"""The processes that draw, as they are run."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.api.card.draughtsmen import Draughtsmen, NotDrawn, TooBusy
from services.api.card.jobs import DrawBadge, Drawn, Failed, Scale, Scaled
from testing.eventually import eventually
from tests.api.card.hostile import GOOD, bomb

BADGE = DrawBadge("discord", "online", "#23a55a", "flat")


@pytest.fixture
async def draughtsmen() -> AsyncIterator[Draughtsmen]:
    draughtsmen = Draughtsmen(most=1, waiting=2, within=20.0)
    yield draughtsmen
    await draughtsmen.close()


def process_of(draughtsmen: Draughtsmen) -> int:
    (process,) = draughtsmen._running
    return process.pid


async def test_jobs_are_done(draughtsmen: Draughtsmen) -> None:
    """One after the other, by one process that stays."""
    assert isinstance(await draughtsmen.do(BADGE), Drawn)
    first = process_of(draughtsmen)
    assert isinstance(await draughtsmen.do(Scale(GOOD, "art", False)), Scaled)
    assert isinstance(await draughtsmen.do(Scale(bomb(), "art", False)), Failed)
    assert process_of(draughtsmen) == first
    assert draughtsmen.done == 3


async def test_a_process_that_dies_is_replaced(draughtsmen: Draughtsmen) -> None:
    """Its job fails, the next one does not."""
    await draughtsmen.do(BADGE)
    os.kill(process_of(draughtsmen), signal.SIGKILL)
    with pytest.raises(NotDrawn):
        await draughtsmen.do(BADGE)
    assert isinstance(await draughtsmen.do(BADGE), Drawn)


async def test_a_process_that_hangs_is_ended(draughtsmen: Draughtsmen) -> None:
    """After its time, and the next job has one that works."""
    await draughtsmen.do(BADGE)
    hanging = process_of(draughtsmen)
    os.kill(hanging, signal.SIGSTOP)
    draughtsmen._within = 0.2
    with pytest.raises(NotDrawn):
        await draughtsmen.do(BADGE)
    assert hanging not in _children()
    draughtsmen._within = 20.0
    assert isinstance(await draughtsmen.do(BADGE), Drawn)


async def test_whoever_comes_when_many_wait_is_told_at_once(draughtsmen: Draughtsmen) -> None:
    """One draws, two wait, the fourth does not."""
    jobs = [asyncio.create_task(draughtsmen.do(BADGE)) for _ in range(4)]
    results = await asyncio.gather(*jobs, return_exceptions=True)
    assert [type(result) for result in results] == [Drawn, Drawn, Drawn, TooBusy]
    assert draughtsmen.refused == 1


async def test_whoever_leaves_takes_the_process_along(draughtsmen: Draughtsmen) -> None:
    """It is in the middle of an answer that nobody reads: the next would get that one."""
    await draughtsmen.do(BADGE)
    left = asyncio.create_task(draughtsmen.do(BADGE))
    await asyncio.sleep(0)
    left.cancel()
    await asyncio.gather(left, return_exceptions=True)
    other = DrawBadge("other", "label", "#23a55a", "flat")
    result = await draughtsmen.do(other)
    assert isinstance(result, Drawn)
    assert b"other: label" in result.body


async def test_they_know_no_secrets_and_end_with_the_api(draughtsmen: Draughtsmen) -> None:
    """No environment, and the end of the input is their end."""
    await draughtsmen.do(BADGE)
    (process,) = draughtsmen._running
    assert b"=" not in _environment(process.pid)
    assert process.stdin is not None
    process.stdin.close()
    await eventually(lambda: process.returncode is not None)


def _children() -> set[int]:
    tasks = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    return {int(pid) for pid in tasks.read_text().split()} if tasks.exists() else set()


def _environment(pid: int) -> bytes:
    environment = Path(f"/proc/{pid}/environ")
    return environment.read_bytes() if environment.exists() else b""
