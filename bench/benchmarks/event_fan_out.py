"""One presence_update to thousands of event streams, beside as many WebSockets, per frame.

Two ws processes hold as many clients at once and take turns.
"""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable

from bench import crowd, people
from bench.figures import Figure, Series
from bench.harness import Harness

ROW = "event_fan_out"
GOAL = 1.15  # times the WebSocket
WARM = 3  # messages before it counts


async def run(harness: Harness) -> list[Figure]:
    clients = harness.params.fan_out[0]
    series = await measure(harness, clients)
    return [
        Figure(
            row=ROW,
            name=f"fan-out to {clients:,} event streams on one user, CPU of ws a frame",
            unit="µs",
            value=series["events"] * 1e6,
            floor=series.scaled("sockets", 1e6),
            goal=GOAL,
            goal_is="ratio",
        ),
        Figure(
            row=ROW,
            name=f"memory of ws an event stream, {clients:,} on one user",
            unit="KB",
            value=series["events memory"] / 1000,
            floor=series.scaled("sockets memory", 1e-3),
            goal=GOAL,
            goal_is="ratio",
        ),
    ]


async def measure(harness: Harness, clients: int) -> Series:
    """`events` and `sockets`: seconds of CPU a frame; `… memory`: bytes a client."""
    series = Series()
    messages = max(2, harness.params.frames // clients)
    async with (
        harness.redis() as redis,
        crowd.of_ws(harness, redis) as sockets,
        crowd.of_ws(harness, redis, events=True) as events,
    ):
        await people.admit(redis.store, 2)
        numbers = itertools.count(1)

        def publisher(user_id: int) -> Callable[[], Awaitable[None]]:
            async def publish() -> None:
                await people.change(redis.store, user_id, next(numbers))

            return publish

        rivals = [
            ("events", events, people.FIRST, publisher(people.FIRST)),
            ("sockets", sockets, people.FIRST + 1, publisher(people.FIRST + 1)),
        ]
        for name, one, user_id, publish in rivals:
            before = one.server.memory()
            await one.open(clients, user_id)
            series.add(f"{name} memory", (one.server.memory() - before) / clients)
            await one.burst(publish, WARM, clients)
        for _ in harness.rounds(series, "events", "sockets"):
            for name, one, _, publish in rivals:
                cpu, _ = await one.burst(publish, messages, clients)
                series.add(name, cpu / messages / clients)
    return series
