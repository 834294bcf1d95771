"""One real presence_update to thousands of sockets, beside a C server that writes the same bytes.

Both servers hold as many sockets at once and take turns.
"""

from __future__ import annotations

import itertools

from bench import crowd, people
from bench.figures import Figure, Series
from bench.harness import Harness

ROW = "fan_out"
GOAL = 1.25  # times the C floor
WARM = 3  # messages before it counts


async def run(harness: Harness) -> list[Figure]:
    found = []
    for sockets in harness.params.fan_out:
        series = await measure(harness, sockets)
        found.append(
            Figure(
                row=ROW,
                name=f"fan-out to {sockets:,} sockets on one user, CPU of ws a frame",
                unit="µs",
                value=series["ws"] * 1e6,
                floor=series.scaled("floor", 1e6),
                goal=GOAL,
                goal_is="ratio",
            )
        )
        found.append(
            Figure(
                row=ROW,
                name=f"the same, time from save to the last of {sockets:,} sockets",
                unit="ms",
                value=series["ws wall"] * 1e3,
                floor=series.scaled("floor wall", 1e3),
            )
        )
    return found


async def measure(harness: Harness, sockets: int) -> Series:
    """`ws` and `floor`: seconds of CPU a frame; `… wall`: seconds until all have a message;
    `… memory`: bytes a socket.
    """
    series = Series()
    messages = max(2, harness.params.frames // sockets)
    async with (
        harness.redis() as redis,
        crowd.of_ws(harness, redis) as ours,
        crowd.of_floor(harness) as floor,
    ):
        await people.admit(redis.store, 1)
        numbers = itertools.count(1)

        async def publish() -> None:
            await people.change(redis.store, people.FIRST, next(numbers))

        async def write() -> None:
            floor.server.tell("go")

        rivals = [("ws", ours, publish), ("floor", floor, write)]
        for name, one, send in rivals:
            before = one.server.memory()
            await one.open(sockets)
            series.add(f"{name} memory", (one.server.memory() - before) / sockets)
            await one.burst(send, WARM, sockets)
        for _ in harness.rounds(series, "ws", "floor"):
            for name, one, send in rivals:
                cpu, wall = await one.burst(send, messages, sockets)
                series.add(name, cpu / messages / sockets)
                series.add(f"{name} wall", wall / messages)
    return series
