"""How long newcomers wait while ws sends to thousands without a pause.

Measured from outside: a fresh connection that asks for /health passes the loop three times
(accept, read, write), and one that asks for a user gets its initial_data.
"""

from __future__ import annotations

import asyncio
import itertools

from bench import crowd, people
from bench.figures import Figure
from bench.harness import Harness

ROW = "lag"
EVERY = 10  # ms between two newcomers


async def run(harness: Harness) -> list[Figure]:
    sockets = harness.params.clients
    async with (
        harness.redis() as redis,
        crowd.of_ws(harness, redis, modest=True) as ours,
        harness.program("probe", ours.port) as probe,
    ):
        await people.admit(redis.store, 2)
        await ours.open(sockets)
        numbers = itertools.count(1)

        async def publish() -> None:
            await people.change(redis.store, people.FIRST, next(numbers))

        async def serve() -> None:
            while True:
                await ours.burst(publish, 1, sockets)

        probes = harness.params.probes
        asked = f"{probes} {EVERY}"
        quiet = await probe.ask(f"{asked} status /health")
        serving = asyncio.create_task(serve())
        try:
            health = await probe.ask(f"{asked} status /health")
            other = people.FIRST + 1  # not watched yet
            newcomer = await probe.ask(f"{asked} initial_data /?user_id={other}")
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
    return [
        Figure(
            row=ROW,
            name=f"GET /health of ws while {sockets:,} sockets are sent to, p99",
            unit="ms",
            value=health["p99"] / 1000,
            goal=15,
            note=f"p50 {health['p50'] / 1000:.1f} ms; idle p50 {quiet['p50'] / 1000:.2f} ms",
        ),
        Figure(
            row=ROW,
            name="a newcomer's initial_data meanwhile, p99",
            unit="ms",
            value=newcomer["p99"] / 1000,
            goal=50,
            note=f"p50 {newcomer['p50'] / 1000:.1f} ms",
        ),
    ]
