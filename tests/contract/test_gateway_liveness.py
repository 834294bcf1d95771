"""How old the gateway's heartbeats are."""

from __future__ import annotations

import asyncio

from shared.redis import gateway_liveness, keys
from shared.redis.gateway_liveness import LivenessMonitor
from shared.redis.store import Store
from testing.eventually import eventually
from tests.ended import ended

POLL_INTERVAL_S = 0.01


async def test_without_heartbeats_there_is_no_age(store: Store) -> None:
    """No gateway has been connected yet, so none has stopped."""
    assert await gateway_liveness.age(store) is None


async def test_a_heartbeat_is_dated_by_redis(store: Store) -> None:
    """The clocks of the processes may differ."""
    await gateway_liveness.heartbeat(store, 1, [0])
    age_s = await gateway_liveness.age(store)
    assert age_s is not None
    assert 0 <= age_s < 60


async def test_the_oldest_heartbeat_counts(store: Store) -> None:
    """A user may be in a guild of that shard."""
    await gateway_liveness.heartbeat(store, 2, [0, 1])
    await store.redis.zincrby(keys.HEARTBEATS, -60_000, "1/2")
    await gateway_liveness.heartbeat(store, 2, [0])
    age_s = await gateway_liveness.age(store)
    assert age_s is not None
    assert age_s >= 60


async def test_heartbeats_of_another_shard_count_are_removed(store: Store) -> None:
    """After SHARD_COUNT was raised, the old shards do not make presences stale."""
    await gateway_liveness.heartbeat(store, 1, [0])
    await store.redis.zincrby(keys.HEARTBEATS, -60_000, "0/1")
    await gateway_liveness.heartbeat(store, 11, [0, 10])
    age_s = await gateway_liveness.age(store)
    assert age_s is not None
    assert age_s < 60
    assert await store.redis.zcard(keys.HEARTBEATS) == 2


async def test_the_monitor_becomes_stale_and_fresh_again(store: Store) -> None:
    """With the next heartbeat."""
    await gateway_liveness.heartbeat(store, 1, [0])
    await store.redis.zincrby(keys.HEARTBEATS, -100_000, "0/1")
    monitor = LivenessMonitor(store, poll_interval_s=POLL_INTERVAL_S)
    task = asyncio.create_task(monitor.run())
    await eventually(lambda: monitor.stale)
    assert monitor.stale is not None
    assert monitor.stale >= 100
    await gateway_liveness.heartbeat(store, 1, [0])
    await eventually(lambda: monitor.stale is None)
    await ended(task)


async def test_an_empty_redis_does_not_make_the_monitor_fresh(store: Store) -> None:
    """All reads are 404 then: this is when it matters that the gateway is away."""
    await gateway_liveness.heartbeat(store, 1, [0])
    await store.redis.zincrby(keys.HEARTBEATS, -100_000, "0/1")
    monitor = LivenessMonitor(store, poll_interval_s=POLL_INTERVAL_S)
    task = asyncio.create_task(monitor.run())
    await eventually(lambda: monitor.stale)
    await store.redis.delete(keys.HEARTBEATS)
    assert await gateway_liveness.age(store) is None
    before = monitor.stale_now
    await eventually(lambda: monitor.stale_now > before)
    assert monitor.stale is not None
    assert monitor.stale > 100
    await gateway_liveness.heartbeat(store, 1, [0])
    await eventually(lambda: monitor.stale is None and monitor.stale_now == 0)
    await ended(task)


async def test_a_monitor_that_has_seen_no_heartbeat_is_not_stale(store: Store) -> None:
    """A process that starts before the first gateway does not know how long it waits."""
    monitor = LivenessMonitor(store, poll_interval_s=POLL_INTERVAL_S)
    task = asyncio.create_task(monitor.run())
    await eventually(lambda: monitor._polled)
    assert monitor.stale is None
    assert monitor.stale_now == 0
    await ended(task)
