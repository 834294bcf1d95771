"""Simulated time, and what it must not change."""

from __future__ import annotations

import asyncio
import time

import pytest
from fakeredis import FakeAsyncRedis

from testing.loop_clock import LoopClock, NothingLeftToHappen

HOUR = 3600.0  # seconds


async def test_an_hour_passes_at_once(clock: LoopClock) -> None:
    """The loop, `time.monotonic` and `time.time` agree on it."""
    loop = asyncio.get_running_loop()
    before = loop.time(), time.monotonic(), time.time()
    real = time.perf_counter()
    await clock.advance(HOUR)
    assert time.perf_counter() - real < HOUR / 60
    assert loop.time() - before[0] == pytest.approx(HOUR)
    assert time.monotonic() - before[1] == pytest.approx(HOUR)
    assert time.time() - before[2] == pytest.approx(HOUR)
    assert clock.passed == pytest.approx(HOUR)


async def test_timers_run_in_order(clock: LoopClock) -> None:
    """Also those that are set while others run."""
    order: list[str] = []

    async def sleep_twice(name: str, first: float, second: float) -> None:
        for seconds in (first, second):
            await asyncio.sleep(seconds)
            order.append(f"{name} {clock.passed:.0f}")

    await asyncio.gather(sleep_twice("a", 10, 25), sleep_twice("b", 20, 5), sleep_twice("c", 1, 29))
    assert order == ["c 1", "a 10", "b 20", "b 25", "c 30", "a 35"]


async def test_a_timeout_expires_on_time(clock: LoopClock) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(HOUR):
            await asyncio.Event().wait()
    assert clock.passed == pytest.approx(HOUR)


async def test_keys_of_fakeredis_expire(clock: LoopClock) -> None:
    """Reading does not make time pass."""
    redis = FakeAsyncRedis()
    await redis.set("lease", "owner", px=8000)
    await clock.advance(7.9)
    assert await redis.get("lease") == b"owner"
    await clock.advance(0.2)
    assert await redis.get("lease") is None
    assert clock.passed == pytest.approx(8.1)
    await redis.aclose()


async def test_a_stopped_process_runs_no_timer(clock: LoopClock) -> None:
    """Its timers are late when it goes on."""
    rang_at: list[float] = []
    asyncio.get_running_loop().call_later(5, lambda: rang_at.append(clock.passed))
    clock.stop_process(60)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert rang_at == [pytest.approx(60)]


async def test_threads_are_waited_for(clock: LoopClock) -> None:
    """Time passes as it really does while one works: no timeout expires meanwhile."""
    async with asyncio.timeout(HOUR):
        assert await asyncio.to_thread(lambda: "done") == "done"
    assert clock.passed < HOUR


def test_a_deadlock_is_reported() -> None:
    """Instead of a test that hangs."""

    async def deadlock() -> None:
        with LoopClock.installed():
            await asyncio.Event().wait()

    with asyncio.Runner() as runner, pytest.raises(NothingLeftToHappen):
        runner.run(deadlock())


async def test_real_time_is_back_afterwards() -> None:
    with LoopClock.installed() as clock:
        await clock.advance(HOUR)
    assert asyncio.get_running_loop().time() == pytest.approx(time.monotonic(), abs=60)
