"""Discord's limits on new sessions, over two processes and one Redis."""

from __future__ import annotations

import asyncio

import pytest
from fakeredis import FakeServer

from services.gateway.discord.gateway_info import SessionStartLimit
from services.gateway.discord.identify_limits import (
    IDENTIFY_INTERVAL_S,
    LIMIT_RECHECK_S,
    IdentifyLimiter,
    SessionStartLimiter,
    reserve,
)
from testing.eventually import PATIENCE
from testing.logged import own_lines
from testing.loop_clock import LoopClock
from tests.gateway.leases import process

HOUR_MS = 3_600_000


async def test_identifies_are_spaced_over_processes(server: FakeServer, clock: LoopClock) -> None:
    """One in five seconds for each bucket; another bucket has its own."""
    first, second = (IdentifyLimiter(process(server), 2) for _ in range(2))
    await first.wait(0)
    await second.wait(1)
    assert clock.passed == 0.0
    await second.wait(2)
    assert IDENTIFY_INTERVAL_S <= clock.passed <= IDENTIFY_INTERVAL_S + 0.5


async def test_identifies_without_redis_are_spaced_by_each_process(
    server: FakeServer, clock: LoopClock
) -> None:
    """A shard without events is worse than an Identify too early."""
    limiter = IdentifyLimiter(process(server), 1)
    server.connected = False
    await limiter.wait(0)
    assert clock.passed == 0.0
    await limiter.wait(0)
    assert clock.passed == pytest.approx(IDENTIFY_INTERVAL_S)


def left(remaining: int) -> SessionStartLimit:
    return SessionStartLimit(
        total=1000, remaining=remaining, reset_after=3 * HOUR_MS, max_concurrency=1
    )


async def test_last_sessions_of_the_day_are_not_used(
    clock: LoopClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The shard waits for more, and says so once."""
    caplog.set_level("INFO")
    now = left(reserve(left(0)))
    fetches = 0

    async def fetch() -> SessionStartLimit:
        nonlocal fetches
        fetches += 1
        return now

    waiting = asyncio.create_task(SessionStartLimiter(fetch).wait(3))
    await clock.advance(3 * LIMIT_RECHECK_S + 1)
    assert fetches == 4
    assert not waiting.done()
    now = left(reserve(left(0)) + 1)
    async with asyncio.timeout(LIMIT_RECHECK_S + 1):
        await waiting
    few, more = own_lines(caplog)
    assert "begin only 10 more sessions (of 1000 in a day)" in few
    assert "Shard 3 waits until there are more, at most 3:00:00" in few
    assert "again" in more


async def test_without_an_answer_the_session_begins() -> None:
    """The gateway refuses a refused token as well, with a reason."""

    async def fetch() -> None:
        return None

    async with asyncio.timeout(PATIENCE):
        await SessionStartLimiter(fetch).wait(0)
