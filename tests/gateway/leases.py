"""Leases of several processes, in this one, and the replays of their shards."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fakeredis import FakeAsyncRedis, FakeServer

from services.gateway.discord.replay_barrier import ReplayBarrier, ReplayTimings
from services.gateway.sync.lease import Lease, LeaseTimings
from shared.discord.snowflake import ShardKey
from shared.redis.store import Store
from tests.ended import ended


def process(server: FakeServer) -> Store:
    """A store of its own, as another process has."""
    return Store(FakeAsyncRedis(server=server), timeout=1.0)


def lease_of(
    server: FakeServer,
    shard: ShardKey = (0, 1),
    *,
    on_redis_loss: Callable[[], None] = lambda: None,
    timings: LeaseTimings | None = None,
) -> Lease:
    """The claim of another process to the shard."""
    return Lease(process(server), shard, on_redis_loss, timings)


def longest_takeover(timings: LeaseTimings) -> float:
    """Seconds: the lease expires, the next look finds it missing, and it stays missing for as long
    as the holder would be given after a loss of data."""
    looks = 1 + math.ceil(timings.takeover_grace_s / timings.standby_interval_s)
    return timings.ttl_s + looks * timings.standby_interval_s


class Connected:
    """A shard that is connected and knows no member."""

    is_connected = True

    def request_any_member(self, nonce: str) -> bool:
        return False


def replay() -> ReplayBarrier:
    """The barrier of a shard that is not resuming."""
    return ReplayBarrier(Connected(), ReplayTimings())


@asynccontextmanager
async def holding(lease: Lease) -> AsyncIterator[asyncio.Task[None]]:
    """The lease is acquired, and renewed until the block ends. It is not released: the process
    dies."""
    await lease.acquire()
    task = asyncio.create_task(lease.hold())
    try:
        yield task
    finally:
        await ended(task)
