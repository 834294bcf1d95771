"""A process that was stopped, and one whose Redis is silent: what becomes of its lease."""

from __future__ import annotations

import asyncio

import pytest
from fakeredis import FakeServer

from services.gateway.sync import lease as lease_module
from services.gateway.sync.lease import Lease
from testing.eventually import PATIENCE, eventually, eventually_async
from tests.gateway.leases import holding, process, stop_the_process

pytestmark = pytest.mark.usefixtures("quick_leases")


async def test_who_was_stopped_does_not_take_a_lease_that_redis_has_lost(
    server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Another process may have had it meanwhile: what it wrote is newer than what is known here."""
    lease = Lease(process(server), 0, 1)
    async with holding(lease) as task:
        await eventually(lambda: lease.valid)
        await process(server).redis.flushall()
        stop_the_process()
        async with asyncio.timeout(PATIENCE):
            await task
        assert not lease.valid
        assert not await process(server).redis.exists(lease.key)
    assert "while this one was stopped" in caplog.text


async def test_a_redis_that_is_silent_is_no_stop(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody stood by when the lease ran out meanwhile, and Discord was heard all along."""
    lease = Lease(process(server), 0, 1)
    async with holding(lease) as task:
        await eventually(lambda: lease.valid)
        with monkeypatch.context() as silence:
            silence.setattr(lease._store.redis, "eval", lambda *_: asyncio.Event().wait())
            await eventually_async(lambda: _ran_out(server, lease))
        await eventually(lambda: lease.valid)
        assert not task.done()


async def _ran_out(server: FakeServer, lease: Lease) -> bool:
    return not await process(server).redis.exists(lease.key)


async def test_who_was_stopped_goes_on_with_a_lease_that_is_still_its_own(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody else can have had it."""
    monkeypatch.setattr(lease_module, "KEPT", 3600.0)
    lease = Lease(process(server), 0, 1)
    async with holding(lease) as task:
        await eventually(lambda: lease.valid)
        stop_the_process()
        assert not lease.valid
        await eventually(lambda: lease.valid)
        assert not task.done()
        redis = process(server).redis
        await redis.flushall()
        await eventually_async(lambda: redis.exists(lease.key))  # it counts as stopped no longer
