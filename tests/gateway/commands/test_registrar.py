"""Commands are registered when a gateway starts, by one process, and never in the way of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest

from services.gateway.commands.registrar import register_commands
from shared.commands.registration import CommandRegistration
from shared.net.backoff import Backoff
from shared.net.http_client import HttpClient
from shared.redis import registration_lock
from shared.redis.store import Store
from simulator.faults import RestFault
from simulator.server import Simulator
from testing.free_port import free_port
from tests.simulator.client import quiet

AT_ONCE = Backoff(first_s=0.01, max_s=0.02)
LOGGER = "services.gateway.commands.registrar"
WRITE = "POST /applications/{application_id}/commands"


@pytest.fixture
async def discord() -> AsyncIterator[Simulator]:
    async with Simulator(quiet(rest_limit=10_000, rest_global_limit=10_000)) as simulator:
        yield simulator


@pytest.fixture
async def registration(discord: Simulator) -> AsyncIterator[CommandRegistration]:
    async with HttpClient(timeout_s=60, max_body_bytes=1 << 20) as http:
        yield CommandRegistration(http, discord.api_url, discord.token)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage()
        for record in caplog.records
        if record.name == LOGGER and record.levelno >= logging.WARNING
    ]


async def test_several_processes_write_once(
    discord: Simulator, registration: CommandRegistration, store: Store
) -> None:
    """And the next start writes nothing."""
    await asyncio.gather(*(register_commands(registration, store, AT_ONCE) for _ in range(3)))
    assert discord.commands.named("grux") is not None
    await register_commands(registration, store)
    assert discord.stats.rest_by_route[WRITE] == 1


async def test_without_redis_it_is_registered_all_the_same(
    discord: Simulator, registration: CommandRegistration
) -> None:
    """The lock spares requests, and no more."""
    async with Store.connect(f"redis://127.0.0.1:{free_port()}/0", timeout=0.5) as away:
        await register_commands(registration, away)
    assert discord.commands.named("grux") is not None


async def test_the_lock_ends_by_itself(store: Store) -> None:
    """A process that ends in between holds up nobody for long."""
    assert await registration_lock.acquire(store, 60)
    assert not await registration_lock.acquire(store, 60)


async def test_it_is_tried_again_while_discord_cannot_be_reached(
    discord: Simulator,
    registration: CommandRegistration,
    store: Store,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Each failure is one warning."""
    discord.faults.add_rest(RestFault(prefix="/applications", status=503, times=1))
    await register_commands(registration, store, AT_ONCE)
    assert discord.commands.named("grux") is not None
    [line] = warnings(caplog)
    assert "status 503" in line


async def test_what_cannot_be_repaired_is_a_warning_with_a_remedy(
    discord: Simulator,
    registration: CommandRegistration,
    store: Store,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An endpoint URL, under which no command reaches Grux; and a limit of Discord's."""
    discord.options.interactions_endpoint_url = "https://bot.example/interactions"
    await register_commands(registration, store)
    [line] = warnings(caplog)
    assert "Interactions Endpoint URL" in line
    assert "bot.example" not in line
    caplog.clear()
    discord.options.interactions_endpoint_url = ""
    discord.commands.clear()
    for number in range(200):
        discord.commands.register({"name": f"c{number}"})
    await store.redis.flushall()
    await register_commands(registration, store)
    [line] = warnings(caplog)
    assert "limit" in line
