"""Floods: bounded memory, and clients that do not read."""

import asyncio

import pytest

from simulator import sessions
from simulator.server import Simulator
from testing.eventually import PATIENCE, eventually
from tests.simulator.client import connected, quiet


async def test_a_blast_is_bounded_by_its_readers() -> None:
    """What waits for a client never exceeds the mark by more than a slice."""
    async with Simulator(quiet(members=200)) as sim, connected(sim, "zlib-stream") as client:
        await client.start()
        highest = 0

        async def watch() -> None:
            nonlocal highest
            while True:
                highest = max(highest, *(session.waiting for session in sim.sessions))
                await asyncio.sleep(0)

        watcher = asyncio.create_task(watch())
        blast = asyncio.create_task(sim.world.blast(20_000))
        count = 0
        while not (blast.done() and count == blast.result()):
            frame = await client.receive()
            count += frame["t"] == "PRESENCE_UPDATE"
        watcher.cancel()
    assert count >= 20_000
    assert highest < 4_096
    assert frame["s"] == count + 3


async def test_a_client_that_reads_nothing_delays_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given up after a while: closed, its session gone, the blast done."""
    monkeypatch.setattr(sessions, "_STALLED_SECONDS", 0.2)
    async with Simulator(quiet(members=200)) as sim, connected(sim) as client:
        await client.start()
        # receive() is not called: the sockets' buffers fill up, then the session's queue.
        await asyncio.wait_for(sim.world.blast(60_000), PATIENCE)
        await eventually(lambda: not sim.gateway.connections)
        assert sim.stats.closes_by_code[4000] == 1
        async with connected(sim) as again:
            await again.resume(client)
            assert (await again.receive())["d"] is False
