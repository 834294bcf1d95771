"""What ws keeps in memory for a client that watches and hears nothing."""

from __future__ import annotations

import asyncio

from bench import crowd, people
from bench.figures import Figure, Series
from bench.harness import Harness

ROW = "idle_memory"
FIRST_ONES = 20  # clients before it counts: what is loaded once is no client's


async def run(harness: Harness) -> list[Figure]:
    clients = harness.params.clients
    series = Series()
    async with harness.redis() as redis:
        await people.admit(redis.store, clients + FIRST_ONES)
        for name, step in (("apart", 1), ("together", 0)):
            async with crowd.of_ws(harness, redis) as ours:
                await ours.open(FIRST_ONES)
                before = ours.server.memory()
                await ours.open(clients, step=step)
                await asyncio.sleep(harness.params.settles)
                series.add(name, (ours.server.memory() - before) / clients)
    return [
        Figure(
            row=ROW,
            name=f"memory of ws a client, {clients:,} idle on as many users",
            unit="KB",
            value=series["apart"] / 1000,
            goal=9,
        ),
        Figure(
            row=ROW,
            name=f"memory of ws a client, {clients:,} idle on one user",
            unit="KB",
            value=series["together"] / 1000,
            goal=7,
        ),
    ]
