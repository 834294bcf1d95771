"""A run that does not end, or a part of it that does not, keeps no other from running."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from chaos import __main__ as command
from chaos import report
from chaos import run as runs
from chaos.run import Result, Size


async def test_a_run_that_does_not_end_has_failed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where it hung is printed; the seeds after it are run."""

    async def endless(seed: int, size: Size) -> Result:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(command, "run", endless)
    monkeypatch.setattr(command, "SLACK", 0.0)
    result = await command._bounded(7, Size(faults_for=0.0, converge_within=0.0))
    assert report.line(result).startswith("seed 7: FAILED")
    assert "did not end" in result.problems[0]
    assert "in endless" in capsys.readouterr().err


async def test_what_goes_on_after_a_cancellation_is_cancelled_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As a client of Redis does that takes it for a lost connection."""
    monkeypatch.setattr(runs, "_CANCEL_AGAIN_S", 0.0)
    swallowed = 0

    async def stubborn() -> None:
        nonlocal swallowed
        while swallowed < 3:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            swallowed += 1

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    await runs._cancel([task])
    assert task.done()
    assert swallowed == 3
