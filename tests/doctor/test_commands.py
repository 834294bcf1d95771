"""Whether the slash commands are registered, and what `--fix` does about it."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator

import pytest

from services.doctor.__main__ import fix
from services.doctor.report import Report
from shared.commands.definition import definition
from simulator.faults import RestFault
from simulator.server import Simulator
from tests.doctor.examination import Examination, examined
from tests.e2e.stack import quiet

WORDS = "the slash commands (/grux)"


@pytest.fixture
async def discord() -> AsyncIterator[Simulator]:
    async with Simulator(quiet()) as simulator:
        yield simulator


def settings(simulator: Simulator) -> dict[str, str]:
    ports = dict.fromkeys(("API_PORT", "WS_PORT", "CARDS_PORT"), "0")
    return {"DISCORD_TOKEN": simulator.token, "DISCORD_API_URL": simulator.api_url, **ports}


async def fixed(simulator: Simulator) -> Examination:
    out = io.StringIO()
    report = Report(out, settings(simulator))
    await fix(settings(simulator), report)
    return Examination(out.getvalue(), report.end())


async def test_commands_are_registered_by_fix(discord: Simulator, redis_url: str) -> None:
    """A first check says that they are missing, and changes nothing."""
    env = {**settings(discord), "REDIS_URL": redis_url}
    said = await examined(env)
    assert said.level(WORDS) == "warning"
    assert "--fix" in said.advice(WORDS)
    assert discord.commands.named("grux") is None
    said = await fixed(discord)
    assert (said.level(WORDS), said.status) == ("ok", 0)
    assert discord.commands.named("grux") is not None
    assert "nothing was changed" in (await fixed(discord)).printed
    assert (await examined(env)).level(WORDS) == "ok"


async def test_an_endpoint_url_is_a_warning(discord: Simulator, redis_url: str) -> None:
    """Registered or not: no command reaches Grux."""
    discord.commands.register(definition())
    discord.options.interactions_endpoint_url = "https://bot.example/"
    said = await examined({**settings(discord), "REDIS_URL": redis_url})
    assert said.level("Interactions Endpoint URL") == "warning"
    assert "General Information" in said.advice("Interactions Endpoint URL")


async def test_a_failure_says_why(discord: Simulator) -> None:
    """Nothing is registered, and the exit status tells it."""
    discord.faults.add_rest(RestFault(prefix="/applications", status=503))
    said = await fixed(discord)
    assert (said.level("were not registered"), said.status) == ("failure", 1)
