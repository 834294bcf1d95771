"""What a new client costs, from its SYN to `initial_data`."""

from __future__ import annotations

import asyncio
from itertools import chain

from bench import crowd, people
from bench.figures import Figure, Series
from bench.harness import Harness

ROW = "handshake"
WARM = 0  # a round that does not count


async def run(harness: Harness) -> list[Figure]:
    clients = harness.params.handshakes
    series = Series()
    async with (
        harness.redis() as redis,
        crowd.of_ws(harness, redis) as ours,
        crowd.of_floor(harness) as floor,
    ):
        await people.admit(redis.store, clients * (harness.params.most_rounds + 1) + 1)
        fresh = people.FIRST + 1  # unwatched so far, like those after it
        is_warm = False
        for _ in chain([WARM], harness.rounds(series, "known", "new", "floor")):
            for name, one, first, step in (
                ("known", ours, people.FIRST, 0),
                ("new", ours, fresh, 1),
                ("floor", floor, people.FIRST, 0),
            ):
                before = one.server.cpu()
                opened = await one.open(clients, first, step)
                cpu = one.server.cpu() - before
                await one.watchers.ask("close")
                await asyncio.sleep(harness.params.settles)  # the disconnects are no part of a row
                if is_warm:
                    series.add(name, cpu / clients)
                    series.add(f"{name} p99", opened["p99"])
            fresh += clients
            is_warm = True
    return [
        _figure(series, "known", "already watched", 4.5),
        _figure(series, "new", "not yet watched", 7.0),
    ]


def _figure(series: Series, name: str, users: str, goal: float) -> Figure:
    return Figure(
        row=ROW,
        name=f"connect to initial_data, user {users}, CPU of ws a client",
        unit="µs",
        value=series[name] * 1e6,
        floor=series.scaled("floor", 1e6),
        goal=goal,
        goal_is="ratio",
        note=f"64 at a time, p99 {series[f'{name} p99'] / 1000:.1f} ms",
    )
