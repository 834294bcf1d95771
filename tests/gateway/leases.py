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
from shared.redis import keys
from shared.redis.store import Store
from tests.ended import ended


def process(server: FakeServer) -> Store:
    """A store of its own, as another process has."""
    return Store(FakeAsyncRedis(server=server), timeout=1.0)


def lease_of(
    server: FakeServer,
    shard: ShardKey = (0, 1),
    *,
    timings: LeaseTimings | None = None,
) -> Lease:
    """The claim of another process to the shard."""
    return Lease(process(server), shard, timings)


def longest_takeover(timings: LeaseTimings) -> float:
    """Seconds: the lease expires, the next look finds it expired, and it stays expired for as long
    as the holder would be given after a stall of Redis."""
    looks = 1 + math.ceil(timings.expired_grace_s / timings.standby_interval_s)
    return timings.ttl_s + looks * timings.standby_interval_s


async def hold(lease: Lease, on_loss: Callable[[], None] = lambda: None) -> None:
    """Renew the lease until it is lost, as the runner does."""
    with lease.held():
        while (renewal := await lease.renew()) != "lost":
            if renewal == "data lost":
                on_loss()
            await lease.until_due()


async def has_standby(store: Store) -> bool:
    """Whether a process has said that it stands by for the only shard."""
    return bool(await store.redis.hexists(keys.shard(0, 1), "standby"))


async def holder(store: Store) -> bytes | None:
    """The process that runs the only shard; empty after it was released."""
    found = await store.redis.hget(keys.shard(0, 1), "holder")
    return found.encode() if isinstance(found, str) else found


class Connected:
    """A shard that is connected and knows no member."""

    is_connected = True

    def request_any_member(self, nonce: str) -> bool:
        return False


def replay() -> ReplayBarrier:
    """The barrier of a shard that is not resuming."""
    return ReplayBarrier(Connected(), ReplayTimings())


@asynccontextmanager
async def holding(
    lease: Lease, on_loss: Callable[[], None] = lambda: None
) -> AsyncIterator[asyncio.Task[None]]:
    """The lease is acquired, and renewed until the block ends. It is not released: the process
    dies."""
    await lease.acquire()
    task = asyncio.create_task(hold(lease, on_loss))
    try:
        yield task
    finally:
        await ended(task)
