"""CPU of the gateway from an event on its socket to Redis."""

from __future__ import annotations

import asyncio
import time

from bench import ingestion
from bench.figures import Figure, Series
from bench.harness import Harness
from bench.ingestion import Ingestion

ROW = "ingest"


async def run(harness: Harness) -> list[Figure]:
    params = harness.params
    users, rate = params.event_users, params.event_rate
    count = max(users, int(rate * params.event_seconds) // users * users)
    series = Series()
    async with harness.redis() as redis, ingestion.running(harness, redis, users) as running:
        await measured(running, users, 0, users, "same")  # every user is at round 0, and warm
        idle = await _idle(running, params.settles)
        for _ in harness.rounds(series, "new", "same"):
            for kind in ("new", "same"):
                if kind == "same":  # so that what repeats it changes nothing
                    await measured(running, users, 0, users, "same")
                gateway, store, seconds = await measured(running, count, rate, users, kind)
                series.add(kind, (gateway - idle * seconds) / count)
                series.add(f"{kind} redis", store / count)
                series.add(f"{kind} rate", count / seconds)
    return [
        _figure(series, "new", f"a real change, {rate:,}/s of {users:,} users", 60),
        _figure(series, "same", "one that changes nothing", 25),
    ]


def _figure(series: Series, kind: str, what: str, goal: float) -> Figure:
    return Figure(
        row=ROW,
        name=f"an event to Redis, {what}, CPU of gateway",
        unit="µs",
        value=series[kind] * 1e6,
        goal=goal,
        note=f"Redis {series[f'{kind} redis'] * 1e6:.0f} µs; {series[f'{kind} rate']:,.0f}/s came",
    )


async def measured(
    running: Ingestion, count: int, rate: int, users: int, kind: str
) -> tuple[float, float, float]:
    """CPU seconds of gateway and Redis, and wall seconds, until the last event is in Redis."""
    gateway, redis, began = running.gateway.cpu(), running.redis.cpu(), time.monotonic()
    sent = await running.events(count, rate, users, kind)
    seconds = time.monotonic() - began
    if kind == "new":
        await running.holds(users, sent["round"])
    else:
        await _quiet(running)
    return running.gateway.cpu() - gateway, running.redis.cpu() - redis, seconds


async def _quiet(running: Ingestion) -> None:
    """Returns when the gateway does nothing any more: it has read everything."""
    while True:
        before = running.gateway.cpu()
        await asyncio.sleep(0.2)
        if running.gateway.cpu() - before < 0.01:
            return


async def _idle(running: Ingestion, seconds: float) -> float:
    """CPU seconds of the gateway a second in which nothing happens: not the events' doing."""
    before = running.gateway.cpu()
    await asyncio.sleep(seconds)
    return (running.gateway.cpu() - before) / seconds
