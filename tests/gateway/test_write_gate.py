"""Whether this process may write: by all its leases and replays."""

from __future__ import annotations

import asyncio

import pytest
from fakeredis import FakeServer

from services.gateway.sync.write_gate import WriteGate
from testing.eventually import eventually
from testing.loop_clock import LoopClock
from tests.gateway.leases import holding, lease_of, replay

pytestmark = pytest.mark.usefixtures("clock")


async def test_gate_without_shards_is_open() -> None:
    assert WriteGate().is_open


async def test_gate_is_open_while_every_lease_is_valid(server: FakeServer) -> None:
    """One shard that is not ours for certain holds up the writes of all: users share guilds."""
    gate = WriteGate()
    first, second = lease_of(server, (0, 2)), lease_of(server, (1, 2))
    async with holding(first):
        gate.add(first, replay())
        await eventually(lambda: gate.is_open)
        gate.add(second, replay())
        assert not gate.is_open
        async with holding(second):
            await eventually(lambda: gate.is_open)
            assert set(gate.generations) == {(0, 2), (1, 2)}
        await eventually(lambda: not gate.is_open)
        gate.remove(second)
        assert gate.is_open
        assert gate.generations == {(0, 2): first.generation}


async def test_replay_closes_the_gate(server: FakeServer) -> None:
    gate, lease, barrier = WriteGate(), lease_of(server), replay()
    gate.add(lease, barrier)
    async with holding(lease):
        await eventually(lambda: gate.is_open)
        barrier.begin()
        assert not gate.is_open
        barrier.end()
        assert gate.is_open


async def test_invalidated_gate_opens_after_the_next_renewal(
    server: FakeServer, clock: LoopClock
) -> None:
    """Which is due at once, not a second later."""
    gate, lease = WriteGate(), lease_of(server)
    gate.add(lease, replay())
    async with holding(lease):
        await eventually(lambda: gate.is_open)
        await asyncio.sleep(0)
        before = clock.passed
        gate.invalidate()
        assert not gate.is_open
        await eventually(lambda: gate.is_open)
        assert clock.passed - before < 0.1


async def test_suspected_loss_begins_a_new_generation(server: FakeServer) -> None:
    """Redis lacks a user, and perhaps more: one renewal later all users are due. Meanwhile, nothing
    is written."""
    gate, lease = WriteGate(), lease_of(server)
    gate.add(lease, replay())
    losses: list[str] = []
    async with holding(lease, lambda: losses.append(lease.generation)):
        await eventually(lambda: gate.is_open)
        before = lease.generation
        gate.suspect_loss()
        assert not gate.is_open
        await eventually(lambda: gate.is_open)
        assert losses == [lease.generation]
        assert lease.generation != before
