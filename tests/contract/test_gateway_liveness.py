"""How long ago the gateway was last heard."""

from __future__ import annotations

import asyncio

import pytest

from shared.redis import gateway_liveness, keys
from shared.redis.gateway_liveness import LivenessMonitor
from shared.redis.store import Store
from testing.eventually import eventually
from tests.ended import ended


async def test_never_heard_is_not_stale(store: Store) -> None:
    """A gateway that never was cannot have gone."""
    assert await gateway_liveness.silence(store) is None


async def test_a_beat_ends_the_silence(store: Store) -> None:
    """By Redis' clock: those of the processes may differ."""
    await gateway_liveness.beat(store, 1, [0])
    silence = await gateway_liveness.silence(store)
    assert silence is not None
    assert 0 <= silence < 60


async def test_the_quietest_shard_counts(store: Store) -> None:
    """A user may be in a guild of that one."""
    await gateway_liveness.beat(store, 2, [0, 1])
    await store.redis.zincrby(keys.GATEWAYS, -60_000, "1/2")
    await gateway_liveness.beat(store, 2, [0])
    silence = await gateway_liveness.silence(store)
    assert silence is not None
    assert silence >= 60


async def test_another_division_of_the_guilds_is_forgotten(store: Store) -> None:
    """After more shards were given, the old ones are not missed."""
    await gateway_liveness.beat(store, 1, [0])
    await store.redis.zincrby(keys.GATEWAYS, -60_000, "0/1")
    await gateway_liveness.beat(store, 11, [0, 10])
    silence = await gateway_liveness.silence(store)
    assert silence is not None
    assert silence < 60
    assert await store.redis.zcard(keys.GATEWAYS) == 2


async def test_staleness_grows_while_redis_is_asked(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And ends with the next beat."""
    monkeypatch.setattr(gateway_liveness, "LOOK_EVERY", 0.01)
    await gateway_liveness.beat(store, 1, [0])
    await store.redis.zincrby(keys.GATEWAYS, -100_000, "0/1")
    felt = LivenessMonitor(store)
    task = asyncio.create_task(felt.run())
    await eventually(lambda: felt.stale)
    assert felt.stale is not None
    assert felt.stale >= 100
    await gateway_liveness.beat(store, 1, [0])
    await eventually(lambda: felt.stale is None)
    await ended(task)


async def test_an_empty_redis_ends_no_silence(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everybody answers 404 then: that is when it matters that the gateway is away."""
    monkeypatch.setattr(gateway_liveness, "LOOK_EVERY", 0.01)
    await gateway_liveness.beat(store, 1, [0])
    await store.redis.zincrby(keys.GATEWAYS, -100_000, "0/1")
    felt = LivenessMonitor(store)
    task = asyncio.create_task(felt.run())
    await eventually(lambda: felt.stale)
    await store.redis.delete(keys.GATEWAYS)
    assert await gateway_liveness.silence(store) is None
    before = felt.stale_now
    await eventually(lambda: felt.stale_now > before)
    assert felt.stale is not None
    assert felt.stale > 100
    await gateway_liveness.beat(store, 1, [0])
    await eventually(lambda: felt.stale is None and felt.stale_now == 0)
    await ended(task)


async def test_whoever_never_heard_it_tells_of_no_silence(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that starts before the first gateway does not know how long it waits."""
    monkeypatch.setattr(gateway_liveness, "LOOK_EVERY", 0.01)
    felt = LivenessMonitor(store)
    task = asyncio.create_task(felt.run())
    await eventually(lambda: felt._asked)
    assert felt.stale is None
    assert felt.stale_now == 0
    await ended(task)
