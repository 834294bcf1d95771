"""One task per key."""

from __future__ import annotations

import asyncio

import pytest

from shared.net.single_flight import SingleFlight


class Work:
    """Counts its starts, and ends when it may."""

    def __init__(self) -> None:
        self.started = 0
        self.cancelled = 0
        self.may_end = asyncio.Event()

    async def __call__(self) -> int:
        self.started += 1
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return self.started


async def test_callers_of_one_key_share_a_task() -> None:
    """Another key has a task of its own."""
    flights: SingleFlight[str, int] = SingleFlight()
    work = Work()
    first, second, other = (flights.join(key, work) for key in ("a", "a", "b"))
    assert first is second
    assert first is flights.get("a")
    assert other is not first
    assert len(flights) == 2
    work.may_end.set()
    assert list(await asyncio.gather(first, second, other)) == [1, 1, 2]
    assert work.started == 2


async def test_a_result_is_not_kept() -> None:
    """A caller after the end starts anew."""
    flights: SingleFlight[str, int] = SingleFlight()
    work = Work()
    work.may_end.set()
    assert await flights.join("a", work) == 1
    assert flights.get("a") is None
    assert len(flights) == 0
    assert await flights.join("a", work) == 2


async def test_a_failure_reaches_every_caller() -> None:
    """And is not kept either."""
    flights: SingleFlight[str, int] = SingleFlight()

    async def fail() -> int:
        raise ValueError("broken")

    callers = [flights.join("a", fail) for _ in range(2)]
    for caller in callers:
        with pytest.raises(ValueError, match="broken"):
            await asyncio.shield(caller)
    assert flights.get("a") is None


async def test_a_cancelled_caller_leaves_the_task_to_the_others() -> None:
    """As long as it shields the task."""
    flights: SingleFlight[str, int] = SingleFlight()
    work = Work()

    async def call() -> int:
        return await asyncio.shield(flights.join("a", work))

    callers = [asyncio.create_task(call()) for _ in range(2)]
    await asyncio.sleep(0)
    callers[0].cancel()
    await asyncio.wait([callers[0]])
    work.may_end.set()
    assert await callers[1] == 1
    assert work.cancelled == 0


async def test_closing_cancels_what_is_under_way() -> None:
    """It returns when the tasks have ended."""
    flights: SingleFlight[str, int] = SingleFlight()
    work = Work()
    tasks = [flights.join(key, work) for key in ("a", "b")]
    await asyncio.sleep(0)
    await flights.close()
    assert all(task.cancelled() for task in tasks)
    assert work.cancelled == 2
    assert len(flights) == 0
