"""Application commands: registering, replacing, and what is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from simulator import BOT_ID
from simulator.application_commands import MAX_CREATES_PER_DAY
from simulator.command_rules import problems_of
from simulator.server import Simulator
from testing import samples

PATH = f"/api/v10/applications/{BOT_ID}/commands"
COMMAND = {"name": "grux", "description": "What is shown"}


@pytest.fixture
async def bot(sim: Simulator) -> AsyncIterator[aiohttp.ClientSession]:
    """A client with the bot's token."""
    headers = {"Authorization": f"Bot {sim.token}"}
    async with aiohttp.ClientSession(sim.url, headers=headers) as http:
        yield http


async def test_the_sample_is_accepted_and_read_back(bot: aiohttp.ClientSession) -> None:
    """PUT answers with ids; GET leaves localisations out unless they are asked for."""
    sample = samples.read("oauth-and-interaction-samples.json")["commands"]["bulk_overwrite"]
    async with bot.put(PATH, json=sample["body"]) as response:
        assert response.status == 200
        [made] = await response.json()
    assert made.keys() == sample["answer"]["body"][0].keys()
    async with bot.get(PATH) as response:
        assert "description_localizations" not in str(await response.json())
    async with bot.get(f"{PATH}?with_localizations=true") as response:
        assert await response.json() == [made]


async def test_a_put_replaces_all_and_keeps_the_ids_of_equal_names(
    bot: aiohttp.ClientSession, sim: Simulator
) -> None:
    """What the list does not name is gone; an equal name is no new one."""
    async with bot.put(PATH, json=[COMMAND, {**COMMAND, "name": "other"}]) as response:
        first, _ = await response.json()
    async with bot.put(PATH, json=[{**COMMAND, "description": "Changed"}]) as response:
        [second] = await response.json()
    assert (second["id"], sim.commands.creates) == (first["id"], 2)
    assert second["version"] != first["version"]
    assert sim.commands.named("other") is None


async def test_a_post_replaces_the_command_of_its_name(bot: aiohttp.ClientSession) -> None:
    """201 for a new name, 200 for a known one; DELETE removes it."""
    async with bot.post(PATH, json=COMMAND) as response:
        assert response.status == 201
        made = await response.json()
    async with bot.post(PATH, json=COMMAND) as response:
        assert (response.status, await response.json()) == (200, made)
    async with bot.delete(f"{PATH}/{made['id']}") as response:
        assert response.status == 204
    async with bot.delete(f"{PATH}/{made['id']}") as response:
        assert (await response.json())["code"] == 10063


async def test_creates_are_counted_for_a_day(bot: aiohttp.ClientSession, sim: Simulator) -> None:
    """The 201st new name of a day is refused, and the next day it is not."""
    now = 1_800_000_000.0
    sim.commands.now = lambda: now
    for batch in range(0, MAX_CREATES_PER_DAY, 100):
        names = [{**COMMAND, "name": f"c{batch + number}"} for number in range(100)]
        async with bot.put(PATH, json=names) as response:
            assert response.status == 200
    async with bot.put(PATH, json=[COMMAND]) as response:
        assert (response.status, (await response.json())["code"]) == (400, 30034)
    now += 86_401
    async with bot.put(PATH, json=[COMMAND]) as response:
        assert response.status == 200


async def test_what_cannot_be_used_is_named(bot: aiohttp.ClientSession) -> None:
    """50035 with the path to the field; 40041 for a name that is there twice."""
    async with bot.put(PATH, json=[{**COMMAND, "name": "Grux"}]) as response:
        body = await response.json()
    assert (response.status, body["code"]) == (400, 50035)
    assert body["errors"]["0"]["name"]["_errors"][0]["code"] == "APPLICATION_COMMAND_INVALID_NAME"
    async with bot.put(PATH, json=[COMMAND, COMMAND]) as response:
        assert (await response.json())["code"] == 40041
    async with bot.put(PATH, json={}) as response:
        assert (await response.json())["code"] == 50035
    async with bot.put(PATH, data=b"{") as response:
        assert (await response.json())["code"] == 50109
    async with bot.put(PATH.replace(BOT_ID, "1" * 18), json=[]) as response:
        assert response.status == 403


def _command(**fields: Any) -> dict[str, Any]:
    return {**COMMAND, **fields}


def _option(**fields: Any) -> dict[str, Any]:
    return _command(options=[{"type": 3, "name": "what", "description": "Which", **fields}])


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        _command(name=""),
        _command(name="a b"),
        _command(name="x" * 33),
        _command(description=""),
        _command(description="x" * 101),
        _command(name_localizations={"de": "Groß"}),
        _command(name_localizations={"xx": "grux"}),
        _command(description_localizations={"de": "x" * 101}),
        _option(type=0),
        _option(type=12),
        _option(name="Was"),
        _option(description=""),
        _option(choices=[{"name": "", "value": "a"}]),
        _option(choices=[{"name": "a", "value": str(i)} for i in range(26)]),
        _command(options=[{"type": 3, "name": "a", "description": "b"}] * 2),
        _command(
            options=[
                {"type": 3, "name": "a", "description": "b"},
                {"type": 3, "name": "c", "description": "d", "required": True},
            ]
        ),
        _option(type=1, options=[{"type": 1, "name": "b", "description": "c"}]),
        _command(
            options=[{"type": 3, "name": f"o{i}", "description": "x" * 100} for i in range(26)]
        ),
        _command(
            options=[
                {
                    "type": 3,
                    "name": f"o{i}",
                    "description": "x",
                    "choices": [{"name": "n" * 99, "value": f"{c}"} for c in range(25)],
                }
                for i in range(4)
            ]
        ),
    ],
)
def test_rules_of_commands(wrong: Any) -> None:
    """Each of these is refused."""
    assert problems_of(wrong)


def test_names_may_be_of_any_script() -> None:
    """The pattern of names is about letters, not about English."""
    assert (
        problems_of(_command(name_localizations={"ja": "表示", "hi": "छिपाएँ", "th": "ซ่อน"})) == {}
    )
