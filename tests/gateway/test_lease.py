"""The right to run a shard, over two processes and one Redis, on a simulated clock.

Long because each rule of the lease has a test of its own.
"""

from __future__ import annotations

import asyncio
import time

import pytest
from fakeredis import FakeAsyncRedis, FakeServer

from services.gateway.sync.lease import Lease, LeaseTimings
from services.gateway.sync.write_gate import WriteGate
from shared.redis import keys, shard_record
from shared.redis.store import Store, StoreUnavailable
from testing.eventually import PATIENCE, eventually, eventually_async
from testing.loop_clock import LoopClock
from tests.ended import ended
from tests.gateway.leases import (
    has_standby,
    hold,
    holder,
    holding,
    lease_of,
    longest_takeover,
    process,
    replay,
)

pytestmark = pytest.mark.usefixtures("clock")

TIMINGS = LeaseTimings()
FOREVER_S = 3600.0
PROMISED_TAKEOVER_S = 5.0
"""docs/gateway.md. The rest is for the resume, which takes over the session with Discord."""


async def let_another_take(server: FakeServer) -> None:
    """Another process runs the shard, whatever Redis held."""
    redis = process(server).redis
    expires = round((time.time() + FOREVER_S) * 1000)
    await redis.hset(keys.shard(0, 1), mapping={"holder": "another", "expires": expires})


async def stands_by(store: Store) -> None:
    """Wait until a process has said that it stands by."""
    await eventually_async(lambda: has_standby(store))


async def test_only_one_process_has_it(server: FakeServer, clock: LoopClock) -> None:
    """The other one stands by for as long as the first renews."""
    async with holding(lease_of(server)):
        waiting = asyncio.create_task(lease_of(server).acquire())
        await clock.advance(TIMINGS.ttl_s * 2)
        assert not waiting.done()
        await ended(waiting)


async def test_standby_is_known_when_redis_fails_during_a_renewal(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The renewal was the last answer of Redis, and it counts: the holder gives up the shard."""
    first, second = lease_of(server), lease_of(server)

    async def away(*_: object) -> None:
        raise StoreUnavailable("Redis is not available")

    await first.acquire()
    waiting = asyncio.create_task(second.acquire())
    await stands_by(process(server))
    monkeypatch.setattr(shard_record, "announce_count", away)
    async with asyncio.timeout(PATIENCE):
        await hold(first)
    assert (first.has_standby, first.valid) == (True, False)
    await ended(waiting)


async def test_another_shard_is_free(server: FakeServer) -> None:
    """A lease is for one shard of one number of shards."""
    async with holding(lease_of(server, (0, 2))):
        async with asyncio.timeout(PATIENCE):
            await lease_of(server, (1, 2)).acquire()
            await lease_of(server, (0, 3)).acquire()


@pytest.mark.parametrize("phase_s", [0.0, 0.2, 0.45, 0.7, 0.95])
async def test_standby_takes_over_from_a_dead_process_in_time(
    server: FakeServer, clock: LoopClock, phase_s: float
) -> None:
    """The process dies at any moment between two renewals. Its lease is respected until the end:
    at no time may both processes write."""
    first, second = lease_of(server), lease_of(server)
    gates = {first: WriteGate(), second: WriteGate()}
    for lease, gate in gates.items():
        gate.add(lease, replay())

    async with holding(first):
        taking_over = asyncio.create_task(second.acquire())
        await stands_by(process(server))
        await eventually(lambda: gates[first].is_open)
        await clock.advance(phase_s)
    died_at = clock.passed
    await taking_over
    took = clock.passed - died_at
    assert not gates[first].is_open
    renewing = asyncio.create_task(hold(second))
    await eventually(lambda: gates[second].is_open)
    await ended(renewing)

    assert TIMINGS.ttl_s - TIMINGS.renew_interval_s <= took <= longest_takeover(TIMINGS)
    assert longest_takeover(TIMINGS) == 3.75 < PROMISED_TAKEOVER_S


async def test_expired_lease_goes_back_to_a_holder_that_lives(
    server: FakeServer, clock: LoopClock
) -> None:
    """Redis stalled, and the standby was served first: the holder has had no chance yet."""
    first, second = lease_of(server), lease_of(server)
    await first.acquire()
    assert await first.renew() == "renewed"
    waiting = asyncio.create_task(second.acquire())
    await clock.advance(TIMINGS.ttl_s + TIMINGS.expired_grace_s / 2)
    assert not waiting.done()
    assert await first.renew() == "renewed"
    await clock.advance(TIMINGS.ttl_s / 2)
    assert not waiting.done()
    await ended(waiting)


async def test_released_lease_is_taken_over_at_the_next_look(
    server: FakeServer, clock: LoopClock
) -> None:
    """It does not have to expire: the holder has stopped writing before."""
    first, second = lease_of(server), lease_of(server)
    async with holding(first):
        await eventually(lambda: first.valid)
        waiting = asyncio.create_task(second.acquire())
        await stands_by(process(server))
    released_at = clock.passed
    await first.release()
    assert not first.valid
    await waiting
    assert clock.passed - released_at <= TIMINGS.standby_interval_s


async def test_released_lease_is_free(server: FakeServer) -> None:
    """And a lease is released by its holder only."""
    first, second = lease_of(server), lease_of(server)
    await first.acquire()
    await second.release()
    assert await holder(process(server)) == first.owner.encode()
    await first.release()
    async with asyncio.timeout(PATIENCE):
        await second.acquire()


async def test_holder_learns_that_another_process_took_its_lease(server: FakeServer) -> None:
    """As after it was stopped for long: it gives up the shard at its next renewal."""
    first = lease_of(server)
    async with holding(first) as task:
        await eventually(lambda: first.valid)
        await let_another_take(server)
        async with asyncio.timeout(PATIENCE):
            await task
        assert not first.valid


async def test_emptied_redis_goes_back_to_the_holder(server: FakeServer, clock: LoopClock) -> None:
    """The standby gives it time to renew."""
    first, second = lease_of(server), lease_of(server)
    async with holding(first) as task:
        waiting = asyncio.create_task(second.acquire())
        store = process(server)
        await stands_by(store)
        await store.redis.flushall()
        await clock.advance(TIMINGS.ttl_s * 2)
        assert not waiting.done()
        assert not task.done()
        await ended(waiting)


async def test_invalidated_lease_is_renewed_at_once(server: FakeServer) -> None:
    """Before a process that starts at that moment can take it. Until then it is not valid."""
    timings = LeaseTimings(renew_interval_s=FOREVER_S, write_window_s=FOREVER_S)
    lease = lease_of(server, timings=timings)
    async with holding(lease):
        await eventually(lambda: lease.valid)
        store = process(server)
        await store.redis.flushall()
        lease.invalidate()
        assert not lease.valid
        await eventually(lambda: lease.valid)
        assert await holder(store) == lease.owner.encode()


async def test_invalidated_lease_that_another_process_took_is_given_up(server: FakeServer) -> None:
    """The other process was faster."""
    lease = lease_of(server, timings=LeaseTimings(renew_interval_s=FOREVER_S))
    async with holding(lease) as task:
        await eventually(lambda: lease.valid)
        await let_another_take(server)
        lease.invalidate()
        async with asyncio.timeout(PATIENCE):
            await task
        assert not lease.valid


async def test_loss_of_data_is_reported(server: FakeServer) -> None:
    """Once for each loss. Data from before the first renewal does not count as lost."""
    await shard_record.hold(process(server), (0, 1), "earlier", 0.0)
    losses: list[str] = []
    lease = lease_of(server)
    async with holding(lease, lambda: losses.append(lease.generation)):
        await eventually(lambda: lease.valid)
        first = lease.generation
        assert losses == []
        await process(server).redis.flushall()
        await eventually(lambda: losses)
        assert losses == [lease.generation]
        assert lease.generation != first


async def test_new_redis_is_written_twice(server: FakeServer, clock: LoopClock) -> None:
    """A process that had the shard before may still be writing, until its write window ends."""
    losses: list[float] = []
    async with holding(lease_of(server), lambda: losses.append(clock.passed)):
        await eventually(lambda: losses)
    assert losses[0] >= 2 * TIMINGS.write_window_s


async def test_second_rewrite_waits_for_redis(server: FakeServer, clock: LoopClock) -> None:
    """It is done when Redis is back."""
    losses: list[str] = []
    lease = lease_of(server)
    async with holding(lease, lambda: losses.append("all")):
        await eventually(lambda: lease.valid)
        server.connected = False
        await clock.advance(TIMINGS.write_window_s * 3)
        assert losses == []
        server.connected = True
        await eventually(lambda: losses)


async def test_without_redis_and_standby_the_shard_is_kept(
    server: FakeServer, clock: LoopClock
) -> None:
    """Through an outage as well, so that no event is missed."""
    server.connected = False
    async with holding(lease_of(server)) as task:
        await clock.advance(TIMINGS.ttl_s * 2)
        assert not task.done()


async def test_without_redis_and_with_a_standby_the_shard_is_given_up(server: FakeServer) -> None:
    """The standby may have taken over unnoticed."""
    first = lease_of(server)
    async with holding(first) as task:
        await shard_record.acquire(process(server), (0, 1), "another", FOREVER_S, (), stand_by=True)
        await eventually(lambda: first.has_standby)
        server.connected = False
        async with asyncio.timeout(PATIENCE):
            await task


async def test_lease_is_valid_if_renewed_recently(server: FakeServer) -> None:
    """Not before the first renewal, and not when renewals have failed for too long."""
    lease = lease_of(server)
    assert not lease.valid
    async with holding(lease):
        await eventually(lambda: lease.valid)
        server.connected = False
        await eventually(lambda: not lease.valid)
        server.connected = True
        await eventually(lambda: lease.valid)


async def test_process_started_without_redis_learns_of_the_holder(server: FakeServer) -> None:
    """It has written nothing meanwhile: it was never valid."""
    async with holding(lease_of(server)) as first:
        server.connected = False
        second = lease_of(server)
        async with holding(second) as task:
            server.connected = True
            async with asyncio.timeout(PATIENCE):
                await task
            assert not second.valid
        assert not first.done()


async def test_stopped_process_does_not_take_a_lease_that_redis_has_lost(
    server: FakeServer, clock: LoopClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Another process may have had it meanwhile, and written newer data."""
    lease = lease_of(server)
    async with holding(lease) as task:
        await eventually(lambda: lease.valid)
        await process(server).redis.flushall()
        clock.stop_process(TIMINGS.write_window_s * 1.5)
        async with asyncio.timeout(PATIENCE):
            await task
        assert not lease.valid
        assert await holder(process(server)) is None
    assert "while this one was stopped" in caplog.text


async def test_silent_redis_does_not_count_as_a_stop(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lease expired meanwhile, without a standby, and Discord's events have come all along."""
    store = process(server)
    lease = Lease(store, (0, 1))
    async with holding(lease) as task:
        await eventually(lambda: lease.valid)
        with monkeypatch.context() as silence:
            silence.setattr(store.redis, "evalsha", lambda *_: asyncio.Event().wait())

            async def expired() -> bool:
                found = await shard_record.acquire(
                    process(server), (0, 1), "another", TIMINGS.ttl_s, (), stand_by=False
                )
                return found == "expired"

            await eventually_async(expired)
        await eventually(lambda: lease.valid)
        assert not task.done()


async def test_one_dead_connection_does_not_cost_the_lease(
    server: FakeServer, clock: LoopClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A renewal that is not answered is repeated, over another connection, within the TTL."""
    store = Store(FakeAsyncRedis(server=server), timeout=60.0)
    first, second = Lease(store, (0, 1)), lease_of(server)
    answers = store.redis.evalsha

    async def dead(*_: object) -> None:
        monkeypatch.setattr(store.redis, "evalsha", answers)
        await asyncio.Event().wait()

    async with holding(first) as task:
        waiting = asyncio.create_task(second.acquire())
        await stands_by(process(server))
        await eventually(lambda: first.valid)
        monkeypatch.setattr(store.redis, "evalsha", dead)
        await clock.advance(TIMINGS.ttl_s * 2)
        assert first.valid
        assert not task.done()
        assert not waiting.done()
        await ended(waiting)


async def test_stopped_process_continues_with_a_lease_that_is_still_its_own(
    server: FakeServer, clock: LoopClock
) -> None:
    """No other process can have had it."""
    lease = lease_of(server, timings=LeaseTimings(ttl_s=FOREVER_S))
    async with holding(lease) as task:
        await eventually(lambda: lease.valid)
        clock.stop_process(TIMINGS.write_window_s * 1.5)
        assert not lease.valid
        await eventually(lambda: lease.valid)
        assert not task.done()
        store = process(server)
        await store.redis.flushall()
        await eventually_async(lambda: holder(store))  # counts as stopped no more
