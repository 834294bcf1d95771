"""From Discord's event to the client's socket: gateway, Redis and ws in a row.

gateway and ws share one core, Discord, Redis and the clients the other one. Each event carries
the time at which it was made, and each client reads the clock when the frame has come.
"""

from __future__ import annotations

import asyncio

from bench import crowd, ingestion, people
from bench.child import ProcessFailed
from bench.figures import Figure, Series
from bench.harness import Harness

ROW = "end_to_end"


async def run(harness: Harness) -> list[Figure]:
    sockets, rate = harness.params.live_sockets, harness.params.live_rate
    count = int(rate * harness.params.live_seconds)
    series = Series()
    async with (
        harness.redis() as redis,
        ingestion.running(harness, redis, sockets) as running,
        crowd.of_ws(harness, redis) as ours,
    ):
        await ours.open(sockets, people.FIRST, 1)
        # Once for each: they come online, which changes their profiles (the device) as well.
        await running.holds(sockets, (await running.events(sockets, rate, sockets))["round"])
        await asyncio.sleep(harness.params.settles)
        for _ in harness.rounds(series, "p50", "p99"):
            await ours.watchers.ask("mark")
            ours.watchers.tell(f"await {count} {crowd.WITHIN}")
            await running.events(count, rate, sockets)
            seen = await ours.watchers.answer()
            if seen["samples"] < count:
                raise ProcessFailed(f"{seen['samples']} of {count} events came to the clients")
            series.add("p50", seen["p50"])
            series.add("p99", seen["p99"])
    return [
        Figure(
            row=ROW,
            name=f"Discord's event to the client's socket, {rate}/s, {sockets:,} sockets, {share}",
            unit="ms",
            value=series[share] / 1000,
            goal=goal,
        )
        for share, goal in (("p50", 1.5), ("p99", 8.0))
    ]
