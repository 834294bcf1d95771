"""A burst of events, as fast as the gateway reads: its memory, its delay, its heartbeats."""

from __future__ import annotations

import time

from bench import ingestion, kernel
from bench.figures import Figure
from bench.harness import Harness

ROW = "burst"
HEARTBEAT = 1_000  # ms: often, so that a burst of seconds has some
HEARTBEAT_LATE = "4009"  # the simulator closes with it when one is half an interval late


async def run(harness: Harness) -> list[Figure]:
    events, users = harness.params.burst, harness.params.burst_users
    async with (
        harness.redis() as redis,
        ingestion.running(harness, redis, users, heartbeat=HEARTBEAT) as running,
    ):
        await running.holds(users, (await running.events(users, 0, users))["round"])  # warm
        before = running.gateway.memory()
        kernel.forget_most_memory(running.gateway.pid)
        heartbeats = (await running.discord.ask("stats"))["heartbeats"]
        cpu, began = running.gateway.cpu(), time.monotonic()
        sent = await running.events(events, 0, users)
        queued = time.monotonic() - began
        await running.holds(users, sent["round"])
        seconds = time.monotonic() - began
        cpu = running.gateway.cpu() - cpu
        grown = kernel.most_memory(running.gateway.pid) - before
        stats = await running.discord.ask("stats")
    beats = stats["heartbeats"] - heartbeats
    return [
        Figure(
            row=ROW,
            name=f"burst of {events:,} events of {users:,} users, until Redis has the newest",
            unit="s",
            value=seconds,
            goal=5,
            note=f"all sent after {queued:.1f} s; {cpu / events * 1e6:.0f} µs of gateway an event",
        ),
        Figure(
            row=ROW,
            name="the same, memory of gateway beyond what it had",
            unit="MB",
            value=grown / 1e6,
            note=f"before: {before / 1e6:.0f} MB",
        ),
        Figure(
            row=ROW,
            name="the same, connections lost to a late heartbeat",
            unit="count",
            value=stats["closes_by_code"].get(HEARTBEAT_LATE, 0),
            goal=0,
            note=f"{beats} heartbeats meanwhile, one a second asked for",
        ),
    ]
