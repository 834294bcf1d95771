"""One PRESENCE_UPDATE of Lanyard's dialect to thousands of sockets, beside Grux's own, per byte.

Two ws processes hold as many sockets at once and take turns.
"""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable

from bench import crowd, people
from bench.figures import Figure, Series
from bench.harness import Harness
from services.ws import protocol
from services.ws.lanyard.protocol import Encoding, presence_update
from shared.model import lanyard

ROW = "lanyard_fan_out"
GOAL = 1.15  # times Grux's own dialect
WARM = 3  # messages before it counts


async def run(harness: Harness) -> list[Figure]:
    sockets = harness.params.fan_out[0]
    series = await measure(harness, sockets)
    return [
        Figure(
            row=ROW,
            name=f"Lanyard's fan-out to {sockets:,} sockets on one user, CPU of ws per KB",
            unit="µs",
            value=series["lanyard"] * 1e9,
            floor=series.scaled("own", 1e9),
            goal=GOAL,
            goal_is="ratio",
        )
    ]


async def measure(harness: Harness, sockets: int) -> Series:
    """`lanyard` and `own`: seconds of CPU a byte."""
    series = Series()
    messages = max(2, harness.params.frames // sockets)
    shown = lanyard.presence(people.discord(people.FIRST, 1)) or b""
    sizes = {
        "lanyard": len(Encoding.JSON.frame(presence_update(shown))),
        "own": len(protocol.presence_update(people.FIRST, people.presence(1))),
    }
    async with (
        harness.redis() as redis,
        crowd.of_ws(harness, redis) as own,
        crowd.of_ws(harness, redis, lanyard=True) as theirs,
    ):
        numbers = itertools.count(1)

        def publisher(user_id: int) -> Callable[[], Awaitable[None]]:
            async def publish() -> None:
                await people.change_discord(redis.store, user_id, next(numbers))

            return publish

        rivals = [
            ("lanyard", theirs, people.FIRST, publisher(people.FIRST)),
            ("own", own, people.FIRST + 1, publisher(people.FIRST + 1)),
        ]
        for _, one, user_id, publish in rivals:
            await publish()
            await one.open(sockets, user_id)
        for _ in harness.rounds(series, "lanyard", "own"):
            for name, one, _, publish in rivals:
                await one.burst(publish, WARM, sockets)
                cpu, _ = await one.burst(publish, messages, sockets)
                series.add(name, cpu / messages / sockets / sizes[name])
    return series
