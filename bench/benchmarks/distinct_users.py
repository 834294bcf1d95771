"""The cost of a client that is the only watcher of its user: each update, and each ping."""

from __future__ import annotations

import asyncio
import itertools

from bench import crowd, people
from bench.figures import Figure, Series
from bench.harness import Harness
from services.ws.limits import WsLimits
from shared.redis.store import Save

ROW = "distinct_users"
TOGETHER = 50  # updates that reach Redis at once, as a gateway's writer sends them
PING_EVERY = WsLimits().ping_every


async def run(harness: Harness) -> list[Figure]:
    clients = harness.params.clients
    series = Series()
    async with harness.redis() as redis, crowd.of_ws(harness, redis) as ours:
        await people.admit(redis.store, clients)
        await ours.open(clients, step=1)
        numbers = itertools.count(1)
        users = itertools.cycle(range(people.FIRST, people.FIRST + clients))

        async def change() -> None:
            some = itertools.islice(users, TOGETHER)
            await redis.store.save([Save(one, people.fields(one, next(numbers))) for one in some])

        messages = max(1, clients // TOGETHER)
        for _ in harness.rounds(series, "update"):
            cpu, _ = await ours.burst(change, messages, TOGETHER)
            series.add("update", cpu / messages / TOGETHER)
        seconds = PING_EVERY if not harness.params.quick else harness.params.settles
        cpu = ours.server.cpu()
        await asyncio.sleep(seconds)
        series.add("ping", (ours.server.cpu() - cpu) / (clients * seconds / PING_EVERY))
    return [
        Figure(
            row=ROW,
            name=f"an update of one of {clients:,} users with one socket each, CPU of ws",
            unit="µs",
            value=series["update"] * 1e6,
        ),
        Figure(
            row=ROW,
            name=f"a ping to one of {clients:,} idle sockets and its pong, CPU of ws",
            unit="µs",
            value=series["ping"] * 1e6,
            note=f"each gets one in {PING_EVERY:.0f} s",
        ),
    ]
