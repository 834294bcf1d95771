"""How cost grows with sockets, with users and with processes: linear, or better."""

from __future__ import annotations

from contextlib import AsyncExitStack

from bench import crowd, ingestion, people
from bench.benchmarks import fan_out, ingest
from bench.benchmarks.reads import api_of
from bench.figures import Figure
from bench.harness import Harness

ROW = "growth"
WATCHED = 1_000  # users, by each process
EVENTS = 20_000


async def run(harness: Harness) -> list[Figure]:
    found: list[Figure] = []
    for sockets in harness.params.growth_sockets:
        found.append(await _sockets(harness, sockets))
    for users in harness.params.growth_users:
        found += await _gateway(harness, users)
        found += await _api(harness, users)
    for processes in harness.params.growth_processes:
        found += await _processes(harness, processes)
    return found


async def _sockets(harness: Harness, sockets: int) -> Figure:
    series = await fan_out.measure(harness, sockets)
    return Figure(
        row=ROW,
        name=f"{sockets:,} sockets on one user, CPU of ws a frame",
        unit="µs",
        value=series["ws"] * 1e6,
        floor=series.scaled("floor", 1e6),
        note=f"{series['ws memory'] / 1000:.1f} KB a socket",
    )


async def _gateway(harness: Harness, users: int) -> list[Figure]:
    rate = harness.params.event_rate
    async with harness.redis() as redis:
        guilds = -(-users // ingestion.LARGEST_GUILD)
        async with ingestion.running(harness, redis, users, guilds) as running:
            in_turn = min(users, EVENTS)
            events = in_turn if harness.params.quick else EVENTS
            await ingest.measured(running, in_turn, 0, in_turn, "new")  # every user comes online
            cpu, _, _ = await ingest.measured(running, events, rate, in_turn, "new")
            memory = running.gateway.memory()
    return [
        Figure(
            row=ROW,
            name=f"{users:,} users, CPU of gateway an event",
            unit="µs",
            value=cpu / events * 1e6,
            note=f"{memory / 1e6:.0f} MB",
        )
    ]


async def _api(harness: Harness, users: int) -> list[Figure]:
    async with harness.redis() as redis:
        await people.admit(redis.store, users)
        async with api_of(harness, redis) as api:
            before = api.server.memory()
            await api.get("/user/", users)
            cpu = await api.get("/user/", users)
            grown = api.server.memory() - before
    return [
        Figure(
            row=ROW,
            name=f"{users:,} users in turn, CPU of api a GET /user/:id",
            unit="µs",
            value=cpu * 1e6,
            note=f"{grown / users / 1000:.2f} KB of api a user",
        )
    ]


async def _processes(harness: Harness, processes: int) -> list[Figure]:
    """Each watches users of its own, so a save concerns one of them."""
    watched = min(WATCHED, harness.params.users)
    async with harness.redis() as redis, AsyncExitStack() as parts:
        await people.admit(redis.store, watched * processes)
        own = len(await redis.store.redis.client_list())
        crowds = []
        for number in range(processes):
            one = await parts.enter_async_context(crowd.of_ws(harness, redis))
            await one.open(watched, people.FIRST + number * watched, 1)
            crowds.append(one)
        clients = await redis.store.redis.client_list()
        before = redis.cpu()
        for number in range(watched):
            await people.change(redis.store, people.FIRST + number * processes, 1)
        cpu = (redis.cpu() - before) / watched
        subscribed = [int(client["sub"]) for client in clients if int(client["sub"])]
    return [
        Figure(
            row=ROW,
            name=f"{processes} ws processes, connections to Redis that subscribe, a process",
            unit="count",
            value=len(subscribed) / processes,
            goal=1,
            note=f"{sum(subscribed) / processes:,.0f} subscriptions each, {watched:,} users watched"
            f"; {(len(clients) - own) / processes:.1f} connections in all",
        ),
        Figure(
            row=ROW,
            name=f"{processes} ws processes, CPU of Redis a save",
            unit="µs",
            value=cpu * 1e6,
        ),
    ]
