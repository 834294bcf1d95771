"""Presences are hidden and deleted when no gateway has been there for too long."""

from __future__ import annotations

import asyncio

from shared.redis import approved_guilds, expiry, gateway_liveness, keys
from shared.redis.gateway_liveness import LivenessMonitor
from shared.redis.profile_entries import load_users
from shared.redis.store import Fields, Save, Store
from testing.eventually import eventually, eventually_async
from tests.ended import ended
from tests.generation import generation

POLL_S = 0.01
DAY_S = 86_400
FIELDS = Fields(b'{"id":"1"}', b'{"status":"online"}', b"{}")


async def silent_for(store: Store, *ages_s: float) -> None:
    """Two users, and shards whose last heartbeats are that old."""
    await store.save([Save(1, FIELDS, joined=(7,)), Save(2, FIELDS, joined=(7, 8))])
    await gateway_liveness.heartbeat(store, len(ages_s), range(len(ages_s)))
    for shard, age_s in enumerate(ages_s):
        await store.redis.zincrby(keys.HEARTBEATS, -int(age_s * 1000), f"{shard}/{len(ages_s)}")


async def test_a_store_without_a_gateway_has_no_users(store: Store) -> None:
    """For every way to read one; with the first heartbeat they are back."""
    await silent_for(store, DAY_S + 1)
    calls: list[str] = []
    monitor = LivenessMonitor(
        store,
        poll_interval_s=POLL_S,
        max_silence_s=DAY_S,
        on_expired=lambda: calls.append("expired"),
        on_returned=lambda: calls.append("returned"),
    )
    task = asyncio.create_task(monitor.run())
    await eventually(lambda: calls)
    assert await store.load(1) is None
    [row] = await load_users(store, [1], with_entries=True)
    assert not isinstance(row, Exception)
    assert row.snapshot is None
    await gateway_liveness.heartbeat(store, 1, [0])
    await eventually(lambda: not store.is_expired)
    assert await store.load(1) is not None
    assert calls == ["expired", "returned"]
    await ended(task)


async def test_silence_below_the_limit_or_of_one_shard_hides_nothing(store: Store) -> None:
    """The users of the other shard are up to date."""
    await silent_for(store, DAY_S + 1, DAY_S - 60)
    monitor = LivenessMonitor(store, poll_interval_s=POLL_S, max_silence_s=DAY_S)
    task = asyncio.create_task(monitor.run())
    await eventually(lambda: monitor.stale)
    assert not store.is_expired
    assert not await expiry.is_due(store, DAY_S)
    await ended(task)


async def test_users_and_all_lists_of_them_are_deleted(store: Store) -> None:
    """What the operator has approved stays. A gateway that comes back begins a new generation."""
    await silent_for(store, DAY_S + 1)
    await approved_guilds.begin(store, [7])
    before = await generation(store)
    task = asyncio.create_task(expiry.run(store, DAY_S, interval_s=POLL_S))

    async def gone() -> bool:
        return not await store.redis.exists(keys.USERS)

    await eventually_async(gone)
    await ended(task)
    left = {name async for name in store.redis.scan_iter("*")}
    fences = {name for name in left if name.startswith(b"fence:")}  # they expire
    kept = (keys.HEARTBEATS, keys.APPROVED_GUILDS, keys.SHARDS)
    assert left - fences == {name.encode() for name in kept}
    assert await generation(store) != before


async def test_a_gateway_that_is_back_in_time_keeps_its_users(store: Store) -> None:
    """One look is not enough: Redis' clock may have jumped."""
    await silent_for(store, DAY_S + 1)
    task = asyncio.create_task(expiry.run(store, DAY_S, interval_s=0.2))
    await asyncio.sleep(0)
    await gateway_liveness.heartbeat(store, 1, [0])
    assert not await expiry.is_due(store, DAY_S)
    await ended(task)
    assert await store.load(1) is not None
