"""From READY until every member of a guild can be read, and the memory that they take."""

from __future__ import annotations

import asyncio

from bench import ingestion
from bench.figures import Figure
from bench.harness import Harness

ROW = "startup"

SECONDS = {20_000: 4, 100_000: 25}
MEGABYTES = {20_000: 120, 100_000: 350}
KILOBYTES_A_USER = 4


async def run(harness: Harness) -> list[Figure]:
    return [
        figure for members in harness.params.guilds for figure in await _measure(harness, members)
    ]


async def _measure(harness: Harness, members: int) -> list[Figure]:
    guilds = -(-members // ingestion.LARGEST_GUILD)
    async with harness.redis() as redis:
        empty = (await redis.store.redis.info("memory"))["used_memory"]
        async with ingestion.of_discord(harness, members, guilds) as (discord, env):
            async with harness.service("gateway", redis, **env) as gateway:
                readable = await ingestion.counted(redis, members)
                cpu = gateway.cpu()  # before the gateway goes on, and looks for orphans
                await ingestion.readable(redis, members)
                await asyncio.sleep(harness.params.settles)
                memory = gateway.memory()
            ready = (await discord.ask("stats"))["ready_ns"] / 1e9
        used = (await redis.store.redis.info("memory"))["used_memory"] - empty
    return [
        Figure(
            row=ROW,
            name=f"{members:,} members, from READY to all readable",
            unit="s",
            value=readable - ready,
            goal=SECONDS.get(members),
            note=f"{cpu / members * 1e6:.0f} µs of gateway a member",
        ),
        Figure(
            row=ROW,
            name=f"{members:,} members, memory of gateway",
            unit="MB",
            value=memory / 1e6,
            goal=MEGABYTES.get(members),
        ),
        Figure(
            row=ROW,
            name=f"{members:,} members, memory of Redis a user",
            unit="KB",
            value=used / members / 1000,
            goal=KILOBYTES_A_USER,
        ),
    ]
