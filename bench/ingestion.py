"""A gateway between a simulated Discord and Redis, and whether Redis holds what was said last."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from msgspec import Struct

from bench import kernel, people
from bench.child import BenchProcess, ProcessFailed
from bench.harness import Harness, Redis
from shared.model.snapshot import Snapshot

HEARTBEAT = 41_250  # ms between two: Discord's own
LOOK_EVERY = 0.005  # seconds
BATCH = 1_000
LARGEST_GUILD = 50_000  # members; from 75,000 on Discord sends a guild without its presences
WITHIN = 60.0  # seconds that all of it may take


class Ingestion(Struct, frozen=True):
    """All members are in Redis, and nothing happens by itself."""

    discord: BenchProcess
    gateway: BenchProcess
    redis: Redis

    async def events(self, count: int, rate: int, users: int, kind: str = "new") -> dict[str, Any]:
        """Send; returns when the last one is queued for the gateway."""
        return await self.discord.ask(f"events {count} {rate} {users} {kind}")

    async def holds(self, users: int, round_number: int, within: float = WITHIN) -> None:
        """Returns when Redis shows this round's event of each of the users."""
        mark = b'"round %d"' % round_number
        await _until(self.redis, users, lambda snapshot: mark in snapshot.presence, within)


@asynccontextmanager
async def running(
    harness: Harness, redis: Redis, members: int, guilds: int = 1, heartbeat: int = HEARTBEAT
) -> AsyncIterator[Ingestion]:
    async with (
        of_discord(harness, members, guilds, heartbeat) as (discord, env),
        harness.service("gateway", redis, **env) as gateway,
    ):
        await readable(redis, members)
        yield Ingestion(discord, gateway, redis)


@asynccontextmanager
async def of_discord(
    harness: Harness,
    members: int,
    guilds: int,
    heartbeat: int = HEARTBEAT,
    core: int | None = kernel.LOAD_CORE,
) -> AsyncIterator[tuple[BenchProcess, dict[str, str]]]:
    """The simulator, and what a gateway needs to find it."""
    async with harness.module("bench.discord", members, guilds, heartbeat, core=core) as discord:
        yield discord, msgspec.json.decode(await discord.line(), type=dict[str, str])


async def counted(redis: Redis, members: int, within: float = WITHIN) -> float:
    """The monotonic time (s) at which Redis counted every user, just before the last was written.
    Raises ProcessFailed when late."""
    deadline = time.monotonic() + within
    while await redis.store.count_users() < members:
        if time.monotonic() > deadline:
            raise ProcessFailed("the gateway did not write every user")
        await asyncio.sleep(LOOK_EVERY)
    return time.monotonic()


async def readable(redis: Redis, members: int, within: float = WITHIN) -> float:
    """The same, and each of them has been read. Raises ProcessFailed when late."""
    at = await counted(redis, members, within)
    await _until(redis, members, lambda snapshot: bool(snapshot.presence), within)
    return at


async def _until(
    redis: Redis, users: int, holds: Callable[[Snapshot], bool], within: float = WITHIN
) -> None:
    """Users are looked at in the order in which they are written, each until it holds."""
    deadline = time.monotonic() + within
    ids = range(people.FIRST, people.FIRST + users)
    # The last ones first: while those are missing, reading the others would only cost.
    for batch in [ids[start : start + BATCH] for start in range(0, users, BATCH)][::-1]:
        while True:
            found = await redis.store.load_many(batch[-1:])
            if isinstance(found[0], Snapshot) and holds(found[0]):
                found = await redis.store.load_many(batch)
                if all(isinstance(one, Snapshot) and holds(one) for one in found):
                    break
            if time.monotonic() > deadline:
                raise ProcessFailed(
                    f"after {within:.0f} s, Redis does not hold what Discord said last of one of "
                    f"the users {batch[0]} to {batch[-1]}"
                )
            await asyncio.sleep(LOOK_EVERY)
