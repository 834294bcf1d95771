"""Registering the commands: only what differs is written, and other commands stay."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator
from typing import Any

import pytest

from shared.commands.definition import definition
from shared.commands.registration import CommandRegistration, RegistrationFailed, is_same
from shared.net.http_client import HttpClient
from simulator import BOT_ID
from simulator.faults import RestFault
from simulator.server import Simulator
from testing.eventually import PATIENCE
from tests.simulator.client import quiet

OTHER = {"name": "other", "type": 1, "description": "Of other software", "options": []}


@pytest.fixture
async def discord() -> AsyncIterator[Simulator]:
    async with Simulator(quiet()) as simulator:
        yield simulator


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    async with HttpClient(timeout_s=60, max_body_bytes=1 << 20) as client:
        yield client


@pytest.fixture
def registration(discord: Simulator, http: HttpClient) -> CommandRegistration:
    return CommandRegistration(http, discord.api_url, discord.token)


async def test_what_was_written_is_current(
    discord: Simulator, registration: CommandRegistration
) -> None:
    """What Discord adds to it is no difference; a second write creates nothing."""
    assert not (await registration.state()).is_current
    await registration.write(BOT_ID)
    state = await registration.state()
    assert (state.application_id, state.endpoint_url, state.is_current) == (BOT_ID, "", True)
    await registration.write(BOT_ID)
    assert discord.commands.creates == 1


async def test_commands_of_other_software_stay(
    discord: Simulator, http: HttpClient, registration: CommandRegistration
) -> None:
    """One bot may have two programs."""
    discord.commands.register(OTHER)
    await registration.write(BOT_ID)
    assert discord.commands.named("other") is not None


async def test_an_older_definition_is_replaced(
    discord: Simulator, registration: CommandRegistration
) -> None:
    """It keeps its id, so that permissions that servers have set stay."""
    older = {**definition(), "description": "Older"}
    made = discord.commands.register(older)
    assert not (await registration.state()).is_current
    await registration.write(BOT_ID)
    assert (await registration.state()).is_current
    named = discord.commands.named("grux")
    assert named is not None
    assert named["id"] == made["id"]


async def test_failures_say_what_to_do(
    discord: Simulator, http: HttpClient, registration: CommandRegistration
) -> None:
    """A wrong token, a busy Discord, no Discord; without the token."""
    wrong = CommandRegistration(http, discord.api_url, "wrong")
    with pytest.raises(RegistrationFailed, match="does not accept DISCORD_TOKEN") as found:
        await wrong.state()
    assert not found.value.is_temporary
    discord.faults.add_rest(RestFault(prefix="/applications", status=503))
    with pytest.raises(RegistrationFailed, match="status 503") as found:
        await registration.state()
    assert found.value.is_temporary
    nowhere = CommandRegistration(http, "http://127.0.0.1:1", discord.token)
    with pytest.raises(RegistrationFailed, match="did not answer") as found:
        await nowhere.state()
    assert discord.token not in f"{found.value} {found.value.remedy}"
    discord.faults.clear()
    discord.faults.add_rest(RestFault(prefix="/applications", delay=PATIENCE))
    slow = CommandRegistration(http, discord.api_url, discord.token, timeout_s=0.05)
    with pytest.raises(RegistrationFailed, match="TimeoutError") as found:
        await slow.state()
    assert found.value.is_temporary
    profiles = CommandRegistration(http, f"{discord.url}/control/truth?x=", discord.token)
    with pytest.raises(RegistrationFailed, match="not Discord"):
        await profiles.state()


def changed(path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    command = copy.deepcopy(definition())
    at: Any = command
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    return command


@pytest.mark.parametrize(
    "found",
    [
        definition(),
        {**definition(), "id": "1", "version": "2", "dm_permission": True, "nsfw": False},
        changed(("contexts",), [1, 0]),
        changed(("options", 4, "options"), None),
        changed(("name_localizations",), None),
        changed(("options", 0, "options", 0, "required"), False),
    ],
)
def test_these_are_the_same(found: Any) -> None:
    """Order of contexts, added keys, and what is empty or left out."""
    assert is_same(definition(), found)


@pytest.mark.parametrize(
    "found",
    [
        None,
        [],
        changed(("description",), "Other"),
        changed(("options", 0, "name"), "other"),
        changed(("options",), definition()["options"][1:]),
        changed(("options", 0, "description_localizations", "de"), "Anders"),
        changed(("options", 0, "description_localizations"), None),
        changed(("options", 2, "options", 0, "max_value"), 24),
        changed(("options", 2, "options", 0, "required"), False),
        changed(("options", 0, "options", 0, "choices", 0, "value"), "other"),
        changed(("contexts",), [0]),
        changed(("default_member_permissions",), "0"),
        changed(("nsfw",), True),
        changed(("options", 0, "options", 0, "autocomplete"), True),
    ],
)
def test_these_differ(found: Any) -> None:
    """Anything that a person would notice."""
    assert not is_same(definition(), found)
