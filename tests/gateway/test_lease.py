"""The right to run a shard, over two processes and one Redis."""

from __future__ import annotations

import asyncio

import pytest
from fakeredis import FakeServer

from services.gateway.sync import lease as lease_module
from services.gateway.sync.lease import Lease
from shared.redis import completeness, keys
from shared.redis.store import StoreUnavailable
from testing.eventually import PATIENCE, eventually, eventually_async
from tests.ended import ended
from tests.gateway.leases import holding, process

pytestmark = pytest.mark.usefixtures("quick_leases")


async def test_only_one_has_it(server: FakeServer) -> None:
    """The other one stands by for as long as the first renews."""
    first, second = (Lease(process(server), 0, 1) for _ in range(2))
    async with holding(first):
        waiting = asyncio.create_task(second.acquire())
        done, _ = await asyncio.wait({waiting}, timeout=lease_module.KEPT * 2)
        assert not done
        waiting.cancel()


async def test_who_stands_by_is_known_of_where_redis_goes_in_the_midst_of_a_renewal(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The renewal was the last that Redis answered, and the holder goes by it: it lets go."""
    first, second = (Lease(process(server), 0, 1) for _ in range(2))

    async def away(*_: object) -> None:
        raise StoreUnavailable("Redis is not available")

    await first.acquire()
    waiting = asyncio.create_task(second.acquire())
    await eventually_async(lambda: process(server).redis.exists(keys.standby(0, 1)))
    monkeypatch.setattr(completeness, "generation", away)
    async with asyncio.timeout(PATIENCE):
        await first.hold()
    assert (first.contended, first.valid) == (True, False)
    await ended(waiting)


async def test_another_shard_is_free(server: FakeServer) -> None:
    """A lease is for one shard of one division of the guilds."""
    async with holding(Lease(process(server), 0, 2)):
        async with asyncio.timeout(PATIENCE):
            await Lease(process(server), 1, 2).acquire()
            await Lease(process(server), 0, 3).acquire()


async def test_who_stands_by_takes_over_from_a_dead_process(server: FakeServer) -> None:
    """When the last renewal has run out."""
    second = Lease(process(server), 0, 1)
    async with holding(Lease(process(server), 0, 1)):
        waiting = asyncio.create_task(second.acquire())
        store = process(server)
        await eventually_async(lambda: store.redis.exists(keys.standby(0, 1)))
    async with asyncio.timeout(PATIENCE):
        await waiting


async def test_a_holder_that_was_away_learns_that_it_has_lost(server: FakeServer) -> None:
    """As after being stopped for long: it lets go at its next renewal."""
    first = Lease(process(server), 0, 1)
    async with holding(first) as task:
        await eventually(lambda: first.valid)
        await process(server).redis.set(keys.lease(0, 1), "another")
        async with asyncio.timeout(PATIENCE):
            await task
        assert not first.valid


async def test_wiped_redis_goes_back_to_the_holder(server: FakeServer) -> None:
    """Who stands by gives it time to renew."""
    first, second = (Lease(process(server), 0, 1) for _ in range(2))
    async with holding(first) as task:
        waiting = asyncio.create_task(second.acquire())
        store = process(server)
        await eventually_async(lambda: store.redis.exists(keys.standby(0, 1)))
        await store.redis.flushall()
        done, _ = await asyncio.wait({waiting, task}, timeout=lease_module.KEPT * 2)
        assert not done
        waiting.cancel()


async def test_a_lease_in_doubt_is_renewed_at_once(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anybody who starts just then can take it, and nothing is written until then."""
    monkeypatch.setattr(lease_module, "RENEW_EVERY", 60.0)
    monkeypatch.setattr(lease_module, "VALID", 60.0)
    lease = Lease(process(server), 0, 1)
    async with holding(lease):
        await eventually(lambda: lease.valid)
        store = process(server)
        await store.redis.flushall()
        lease.doubt()
        assert not lease.valid
        await eventually(lambda: lease.valid)
        assert await store.redis.get(keys.lease(0, 1)) == lease.owner.encode()


async def test_a_lease_that_was_lost_in_doubt_is_let_go(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody was faster."""
    monkeypatch.setattr(lease_module, "RENEW_EVERY", 60.0)
    lease = Lease(process(server), 0, 1)
    async with holding(lease) as task:
        await eventually(lambda: lease.valid)
        await process(server).redis.set(keys.lease(0, 1), "another")
        lease.doubt()
        async with asyncio.timeout(PATIENCE):
            await task
        assert not lease.valid


async def test_a_redis_that_lost_something_is_told_of(server: FakeServer) -> None:
    """Once for each time; what was there before the first renewal is nobody's loss."""
    await completeness.generation(process(server), 0, 1)
    losses: list[str] = []
    lease = Lease(process(server), 0, 1, lambda: losses.append(lease.epoch))
    async with holding(lease):
        await eventually(lambda: lease.valid)
        first = lease.epoch
        assert losses == []
        await process(server).redis.flushall()
        await eventually(lambda: losses)
        assert losses == [lease.epoch]
        assert lease.epoch != first


async def test_who_finds_an_empty_redis_writes_everyone_once_more(server: FakeServer) -> None:
    """Whoever had the shard before it was emptied may not have heard of that yet."""
    losses: list[str] = []
    async with holding(Lease(process(server), 0, 1, lambda: losses.append("all"))):
        await eventually(lambda: losses)


async def test_redis_away_when_everyone_is_to_be_written_once_more(server: FakeServer) -> None:
    """It is done when Redis is back."""
    losses: list[str] = []
    lease = Lease(process(server), 0, 1, lambda: losses.append("all"))
    async with holding(lease):
        await eventually(lambda: lease.valid)
        server.connected = False
        await asyncio.sleep(lease_module.VALID * 3)  # what it would have been done after
        assert losses == []
        server.connected = True
        await eventually(lambda: losses)


async def test_without_redis_the_shard_is_run_all_the_same(server: FakeServer) -> None:
    """With nobody standing by, the holder keeps it through an outage as well."""
    lease = Lease(process(server), 0, 1)
    server.connected = False
    async with holding(lease) as task:
        done, _ = await asyncio.wait({task}, timeout=lease_module.KEPT * 2)
        assert not done


async def test_with_somebody_standing_by_an_unreachable_redis_ends_it(server: FakeServer) -> None:
    """They may have taken over, unseen."""
    first = Lease(process(server), 0, 1)
    async with holding(first) as task:
        await process(server).redis.set(keys.standby(0, 1), "x")
        await eventually(lambda: first.contended)
        server.connected = False
        async with asyncio.timeout(PATIENCE):
            await task


async def test_valid_is_what_redis_has_confirmed_lately(server: FakeServer) -> None:
    """Not before the first renewal, and not when renewals have failed for too long."""
    lease = Lease(process(server), 0, 1)
    assert not lease.valid
    async with holding(lease):
        await eventually(lambda: lease.valid)
        server.connected = False
        await eventually(lambda: not lease.valid)
        server.connected = True
        await eventually(lambda: lease.valid)


async def test_started_without_redis_it_learns_of_the_holder(server: FakeServer) -> None:
    """Nothing may have been written in between: it was never valid."""
    async with holding(Lease(process(server), 0, 1)) as first:
        server.connected = False
        second = Lease(process(server), 0, 1)
        async with holding(second) as task:
            server.connected = True
            async with asyncio.timeout(PATIENCE):
                await task
            assert not second.valid
        assert not first.done()


async def test_released_lease_is_free(server: FakeServer) -> None:
    """And another one's is not released by us."""
    first, second = (Lease(process(server), 0, 1) for _ in range(2))
    await first.acquire()
    await second.release()
    assert await process(server).redis.exists(keys.lease(0, 1))
    await first.release()
    async with asyncio.timeout(PATIENCE):
        await second.acquire()


async def test_lease_that_was_handed_over_is_taken_at_once(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing has to run out, as when the holder died; and it has stopped writing before."""
    monkeypatch.setattr(lease_module, "KEPT", 3600.0)
    monkeypatch.setattr(lease_module, "SETTLE", 3600.0)
    first, second = (Lease(process(server), 0, 1) for _ in range(2))
    async with holding(first):
        await eventually(lambda: first.valid)
        waiting = asyncio.create_task(second.acquire())
        store = process(server)
        await eventually_async(lambda: store.redis.exists(keys.standby(0, 1)))
    await first.release()
    assert not first.valid
    async with asyncio.timeout(PATIENCE):
        await waiting
