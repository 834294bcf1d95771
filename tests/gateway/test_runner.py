"""The shards of a process, and their leases."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest
from fakeredis import FakeServer

from services.gateway.discord.gateway_info import GatewayInfo, SessionStartLimit
from services.gateway.discord.session_events import DiscordSession
from services.gateway.discord.shard import Shard
from services.gateway.event_handler import EventHandler
from services.gateway.runner import GatewayRunner, ShardUnit
from services.gateway.sync.lease import LeaseTimings
from services.gateway.sync.session_resume import SessionResume
from services.gateway.sync.write_gate import WriteGate
from services.gateway.sync.writer import Writer
from shared.config import GatewaySettings
from shared.redis import keys
from shared.redis.store import Store
from testing.eventually import PATIENCE, eventually, eventually_async
from testing.loop_clock import LoopClock
from tests.ended import ended
from tests.gateway.gateway_fixture import RecordingReconciler
from tests.gateway.leases import has_standby, holder, longest_takeover, process


class FakeResume(SessionResume):
    """Restores a given session, and saves no checkpoint."""

    def __init__(self, session: DiscordSession | None) -> None:
        self.is_restored = False
        self._restored = session

    async def restore(self) -> DiscordSession | None:
        return self._restored

    def next_checkpoint(self) -> bytes:
        return b""

    def last_checkpoint(self) -> bytes:
        return b""

    def invalidate(self) -> None: ...

    def forget(self) -> None: ...


class DrainedWriter(Writer):
    """Has nothing to write; notes that it was waited for."""

    def __init__(self) -> None:
        self.was_waited_for = False

    async def drained(self) -> None:
        self.was_waited_for = True


class IdleShard(Shard):
    """Never connects."""

    async def run(self, *arguments: object, **named: object) -> None:
        await asyncio.Event().wait()


class RunnerFixture:
    """A runner of one shard that never connects."""

    def __init__(
        self,
        store: Store,
        session: DiscordSession | None = None,
        timings: LeaseTimings | None = None,
    ) -> None:
        self.shard = IdleShard("", 0, 1)
        self.gate = WriteGate()
        self.writer = DrainedWriter()
        self.reconciler = RecordingReconciler()
        self.runner = GatewayRunner(
            cast("GatewaySettings", None),
            GatewayInfo(
                url="",
                shards=1,
                session_start_limit=SessionStartLimit(
                    total=1000, remaining=1000, reset_after=0, max_concurrency=1
                ),
            ),
            store,
            self.gate,
            self.writer,
            self.reconciler,
            [ShardUnit(self.shard, cast("EventHandler", None), FakeResume(session))],
            timings,
        )


def state_of(fixture: RunnerFixture) -> str:
    return fixture.shard.state


async def test_standby_runs_the_shard_of_a_killed_process_in_time(
    server: FakeServer, clock: LoopClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes, one of which is killed: it hands nothing over. Never may both write."""
    first, second = (RunnerFixture(process(server)) for _ in range(2))
    running = [asyncio.create_task(first.runner.run())]
    await eventually(lambda: first.gate.generations and first.gate.is_open)
    running.append(asyncio.create_task(second.runner.run()))
    store = process(server)
    await eventually_async(lambda: has_standby(store))
    assert state_of(second) == "standing_by"

    async def killed() -> None: ...

    monkeypatch.setattr(first.runner, "_hand_over", killed)
    await ended(running[0])
    killed_at = clock.passed
    await eventually(lambda: second.gate.generations and second.gate.is_open)
    assert clock.passed - killed_at <= longest_takeover(LeaseTimings()) + 0.1
    assert not first.gate.is_open
    assert state_of(second) == "connecting"
    await ended(running[1])


async def test_lost_shard_is_not_taken_from_a_redis_that_forgot_the_holder(redis_url: str) -> None:
    """The holder may still be writing: it gets the time to notice the loss and to renew."""
    timings = LeaseTimings(renew_interval_s=0.02, standby_interval_s=0.02, missing_grace_s=3600.0)
    async with Store.connect(redis_url, timeout=PATIENCE) as store:
        redis = store.redis
        fixture = RunnerFixture(store, timings=timings)
        running = asyncio.create_task(fixture.runner.run())

        try:
            await eventually_async(lambda: holder(store))
            await redis.hset(keys.shard(0, 1), "holder", "another")
            await eventually(lambda: not fixture.gate.generations)
            await redis.flushall()
            await eventually_async(lambda: has_standby(store))
            assert await holder(store) is None
        finally:
            await ended(running)


@pytest.mark.parametrize("session", [None, DiscordSession("s", "ws://127.0.0.1", 1)])
async def test_shutdown_during_a_replay_does_not_wait_for_the_writer(
    session: DiscordSession | None, redis_url: str
) -> None:
    """It may not write then. The next process resumes from before the pending changes."""
    async with Store.connect(redis_url, timeout=PATIENCE) as store:
        fixture = RunnerFixture(store, session)
        running = asyncio.create_task(fixture.runner.run())
        await eventually(lambda: any(fixture.gate.generations.values()))
        assert fixture.shard.replay.active == bool(session)
        await ended(running)
    assert fixture.writer.was_waited_for == (session is None)
