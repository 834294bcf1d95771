"""The render processes, as the service runs them."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvloop

from services.cards.render_jobs import (
    DrawBadge,
    Rendered,
    ScaledImage,
    ScaleFailed,
    ScaleImage,
)
from services.cards.render_pool import PoolFull, RenderFailed, RenderPool
from testing.eventually import PATIENCE, eventually
from testing.logged import own_lines
from tests.cards.image_server import GOOD, VIDEO, bomb

BADGE = DrawBadge("discord", "online", "#23a55a", "flat")


@pytest.fixture
async def pool() -> AsyncIterator[RenderPool]:
    async with RenderPool(processes=1, queued_jobs=2, job_timeout_s=PATIENCE) as pool:
        yield pool


def process_of(pool: RenderPool) -> int:
    (process,) = pool._processes
    return process.pid


async def test_jobs_run_in_one_process(pool: RenderPool) -> None:
    """One after the other, in a process that is kept."""
    assert isinstance(await pool.submit(BADGE), Rendered)
    first = process_of(pool)
    assert isinstance(await pool.submit(ScaleImage(GOOD, "art", False)), ScaledImage)
    assert isinstance(await pool.submit(ScaleImage(bomb(), "art", False)), ScaleFailed)
    assert process_of(pool) == first
    assert pool.completed == 3


@pytest.mark.skipif(sys.platform != "linux", reason="nameplates move on Linux only")
async def test_a_video_is_decoded_in_the_sandbox(pool: RenderPool) -> None:
    """FFmpeg is loaded by a process that is confined already."""
    result = await pool.submit(ScaleImage(VIDEO, "nameplate-video", True))
    assert isinstance(result, ScaledImage)
    assert result.image.animated
    broken = await pool.submit(ScaleImage(VIDEO[:5000], "nameplate-video", True))
    assert isinstance(broken, ScaledImage | ScaleFailed)
    assert isinstance(await pool.submit(BADGE), Rendered)


async def test_a_process_that_dies_is_replaced(pool: RenderPool) -> None:
    """Its job fails, the next one does not."""
    await pool.submit(BADGE)
    os.kill(process_of(pool), signal.SIGKILL)
    with pytest.raises(RenderFailed):
        await pool.submit(BADGE)
    assert isinstance(await pool.submit(BADGE), Rendered)


async def test_failures_are_logged_now_and_then(
    pool: RenderPool, caplog: pytest.LogCaptureFixture
) -> None:
    """Images that visitors choose may make any number of jobs fail."""
    for _ in range(3):
        await pool.submit(BADGE)
        os.kill(process_of(pool), signal.SIGKILL)
        with pytest.raises(RenderFailed):
            await pool.submit(BADGE)
    [line] = own_lines(caplog)
    assert line.startswith("cards: DrawBadge failed: ")


async def test_a_failed_job_writes_one_line(
    pool: RenderPool, capfd: pytest.CaptureFixture[str]
) -> None:
    """Not a traceback, and nothing of the job."""
    with pytest.raises(RenderFailed):
        await pool.submit(DrawBadge("hunter2", "hunter2", "no color", "no style"))
    said = capfd.readouterr().err
    assert said.count("\n") == 1
    assert "a render process ends: " in said
    assert "hunter2" not in said


def test_an_idle_process_that_has_died_costs_no_job() -> None:
    """On uvloop, as in the service: a write to a dead process raises RuntimeError there."""

    async def draw_after_a_death() -> None:
        async with RenderPool(1, 2, PATIENCE) as pool:
            await pool.submit(BADGE)
            [idle] = pool._idle
            idle.kill()
            await idle.wait()
            assert isinstance(await pool.submit(BADGE), Rendered)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(draw_after_a_death())


async def test_a_process_that_hangs_is_killed(pool: RenderPool) -> None:
    """After the time limit. The next job runs in a new one."""
    await pool.submit(BADGE)
    hanging = process_of(pool)
    os.kill(hanging, signal.SIGSTOP)
    pool._job_timeout_s = 0.2
    with pytest.raises(RenderFailed):
        await pool.submit(BADGE)
    assert hanging not in _children()
    pool._job_timeout_s = PATIENCE
    assert isinstance(await pool.submit(BADGE), Rendered)


async def test_a_full_queue_rejects_at_once(pool: RenderPool) -> None:
    """One job runs, two wait, the fourth is rejected."""
    jobs = [asyncio.create_task(pool.submit(BADGE)) for _ in range(4)]
    results = await asyncio.gather(*jobs, return_exceptions=True)
    assert [type(result) for result in results] == [Rendered, Rendered, Rendered, PoolFull]
    assert pool.rejected == 1


async def test_a_cancelled_job_takes_its_process_along(pool: RenderPool) -> None:
    """That process is in the middle of an answer, which the next job must not get."""
    await pool.submit(BADGE)
    cancelled = asyncio.create_task(pool.submit(BADGE))
    await asyncio.sleep(0)
    cancelled.cancel()
    await asyncio.gather(cancelled, return_exceptions=True)
    other = DrawBadge("other", "label", "#23a55a", "flat")
    result = await pool.submit(other)
    assert isinstance(result, Rendered)
    assert b"other: label" in result.body


async def test_processes_have_no_secrets_and_end_with_the_service(pool: RenderPool) -> None:
    """Their environment is empty, and the end of their input is their end."""
    await pool.submit(BADGE)
    (process,) = pool._processes
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
