"""The cost of a client that is the only watcher of its user: each update, and each ping."""

from __future__ import annotations

import asyncio
import itertools
import time

from bench import crowd, people
from bench.child import BenchProcess
from bench.figures import Figure, Series
from bench.harness import Harness
from services.ws.limits import WsLimits
from shared.redis.store import Save

ROW = "distinct_users"
TOGETHER = 50  # updates that reach Redis at once, as a gateway's writer sends them
GOAL = 2.0  # times a frame of a large fan-out
PING_EVERY = WsLimits().ping_every
IDLE = 10.0  # seconds in which nothing happens


async def run(harness: Harness) -> list[Figure]:
    clients = harness.params.clients
    series = Series()
    async with (
        harness.redis() as redis,
        crowd.of_ws(harness, redis) as ours,
        crowd.of_ws(harness, redis) as together,
    ):
        await people.admit(redis.store, clients + 1)
        is_quick = harness.params.quick  # and too short to tell what the pings cost
        idle = 0.0 if is_quick else await _idle(ours.server, IDLE)
        await ours.open(clients, step=1)
        one = people.FIRST + clients  # every other client watches this user
        sockets = min(harness.params.fan_out)
        await together.open(sockets, one)
        numbers = itertools.count(1)
        users = itertools.cycle(range(people.FIRST, people.FIRST + clients))

        async def change() -> None:
            received = time.time_ns() // 1000
            saves = [
                Save(user, people.fields(user, next(numbers)), received=received)
                for user in itertools.islice(users, TOGETHER)
            ]
            await redis.store.save(saves)

        async def change_one() -> None:
            await people.change(redis.store, one, next(numbers))

        messages = max(1, clients // TOGETHER)
        to_all = max(2, harness.params.frames // sockets)
        for _ in harness.rounds(series, "update", "frame"):
            cpu, _ = await ours.burst(change, messages, TOGETHER)
            series.add("update", cpu / messages / TOGETHER)
            cpu, _ = await together.burst(change_one, to_all, sockets)
            series.add("frame", cpu / to_all / sockets)
        seconds = PING_EVERY if not harness.params.quick else harness.params.settles
        cpu = ours.server.cpu()
        await asyncio.sleep(seconds)
        pings = clients * seconds / PING_EVERY
        series.add("ping", (ours.server.cpu() - cpu - idle * seconds) / pings)
    return [
        Figure(
            row=ROW,
            name=f"an update of one of {clients:,} users with one socket each, CPU of ws",
            unit="µs",
            value=series["update"] * 1e6,
            floor=series["frame"] * 1e6,
            goal=GOAL,
            goal_is="ratio",
            note=f"the floor is a frame to each of {sockets:,} sockets on one user",
        ),
        Figure(
            row=ROW,
            name=f"a ping to one of {clients:,} idle sockets and its pong, CPU of ws",
            unit="µs",
            value=series["ping"] * 1e6,
            note=f"each gets one in {PING_EVERY:.0f} s",
        ),
    ]


async def _idle(server: BenchProcess, seconds: float) -> float:
    """CPU seconds of ws a second without clients: not the pings' doing."""
    before = server.cpu()
    await asyncio.sleep(seconds)
    return (server.cpu() - before) / seconds
