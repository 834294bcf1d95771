"""The wheel."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from services.ws.keepalive import PLACES, Keepalive
from testing.eventually import PATIENCE


class Client:
    """Counts its pings."""

    def __init__(self) -> None:
        self.place = 0
        self.pinged = 0

    def ping(self) -> None:
        self.pinged += 1

    def restart(self) -> None: ...

    def on_deadline(self) -> None: ...


@pytest.fixture
async def wheel() -> AsyncIterator[Keepalive]:
    keepalive = Keepalive(PLACES * 0.005)
    task = asyncio.create_task(keepalive.run())
    yield keepalive
    task.cancel()


async def test_every_client_is_pinged_once_a_turn(wheel: Keepalive) -> None:
    """Clients that came at different moments are pinged equally often."""
    clients = [Client() for _ in range(300)]
    for number, client in enumerate(clients):
        wheel.join(client)
        if number % 100 == 0:
            await asyncio.sleep(0.02)
    async with asyncio.timeout(PATIENCE):
        while min(client.pinged for client in clients) < 3:
            await asyncio.sleep(0.005)
    assert max(client.pinged for client in clients) <= 4


async def test_a_newcomer_has_a_whole_turn(wheel: Keepalive) -> None:
    """No client is pinged, let alone dropped, right after it has connected."""
    first = Client()
    wheel.join(first)
    async with asyncio.timeout(PATIENCE):
        while not first.pinged:
            await asyncio.sleep(0)
    second = Client()
    wheel.join(second)
    await asyncio.sleep(0.01)
    assert second.pinged == 0


async def test_the_last_client_leaves(wheel: Keepalive) -> None:
    """The wait ends when the last client has left, and at once when there is none."""
    await wheel.wait_empty()
    client = Client()
    wheel.join(client)
    waiting = asyncio.create_task(wheel.wait_empty())
    await asyncio.sleep(0)
    assert not waiting.done()
    wheel.leave(client)
    async with asyncio.timeout(PATIENCE):
        await waiting
