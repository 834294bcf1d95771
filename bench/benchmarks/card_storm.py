"""How long GET /user/:id takes while cards are requested faster than they can be drawn.

Measured from outside, over fresh connections, in two places: with cards on another core than the
api, and with both on one core, which shows what a storm costs on a machine without a core to spare.
The probe runs on the api's core, where it does not compete with the visitors.
"""

from __future__ import annotations

from typing import Final

from bench import kernel, people
from bench.figures import Figure, Series
from bench.harness import Harness, Redis
from testing.free_port import free_port

ROW = "card_storm"
EVERY_MS: Final = 10  # between two requests
VISITORS: Final = 64  # connections: more than cards queues jobs
USERS: Final = 500
NOWHERE: Final = "http://127.0.0.1:1"  # a CDN: images fail at once, and no other host is contacted
PLACES: Final = {"on another core": kernel.LOAD_CORE, "on the same core": kernel.SERVER_CORE}


async def run(harness: Harness) -> list[Figure]:
    async with harness.redis() as redis:
        await people.admit(redis.store, USERS)
        return [await _storm(harness, redis, place) for place in PLACES]


async def _storm(harness: Harness, redis: Redis, place: str) -> Figure:
    api_port, cards_port = free_port(), free_port()
    settings = {
        "CARDS_PORT": str(cards_port),
        "CARDS_REQUESTS_PER_MINUTE": "0",
        "CARDS_CONNECTIONS_PER_ADDRESS": "0",
        "DISCORD_CDN_URL": NOWHERE,
    }
    request = f"{harness.params.probes} {EVERY_MS} success /user/{people.FIRST}"
    series = Series()
    async with (
        harness.service("api", redis, API_PORT=str(api_port)),
        harness.service("cards", redis, PLACES[place], **settings),
        harness.program("probe", api_port, core=kernel.SERVER_CORE) as probe,
    ):
        await probe.ask(request)  # the response is in the api's memory from now on
        for _ in harness.rounds(series, "quiet p99", "storm p99"):
            for name, latency in (await probe.ask(request)).items():
                series.add(f"quiet {name}", latency)
            arguments = (cards_port, VISITORS, USERS)
            async with harness.module("bench.card_visitors", *arguments) as visitors:
                await visitors.line()
                for name, latency in (await probe.ask(request)).items():
                    series.add(f"storm {name}", latency)
    return Figure(
        row=ROW,
        name=f"GET /user/:id while {VISITORS} clients request cards {place}, p99",
        unit="ms",
        value=series["storm p99"] / 1000,
        floor=series["quiet p99"] / 1000,
        goal=1.5 if PLACES[place] == kernel.LOAD_CORE else None,
        goal_is="ratio",
        note=f"p50 {series['storm p50'] / 1000:.2f} ms; "
        f"without them {series['quiet p50'] / 1000:.2f} ms",
    )
