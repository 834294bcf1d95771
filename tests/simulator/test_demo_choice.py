"""A simulated person who has a history kept."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from simulator.demo_choice import keep_history
from simulator.people import FIRST_PERSON
from simulator.server import Simulator
from tests.simulator.client import connected, quiet

REFUSED = {"type": 4, "data": {"content": "Grux is very busy right now.", "flags": 64}}


def panel(*, chosen: str) -> dict[str, Any]:
    """The bot's answer: three buttons, of which one is marked."""
    buttons = [
        {
            "type": 2,
            "style": 1 if level == chosen else 2,
            "label": level,
            "custom_id": f"grux:v1:history:{level}",
        }
        for level in ("off", "last_seen", "recent")
    ]
    return {
        "type": 4,
        "data": {"content": "Saved.", "components": [{"type": 1, "components": buttons}]},
    }


async def test_it_is_chosen_when_the_bot_can_be_asked(sim: Simulator) -> None:
    """Before, nothing is sent; an answer without the choice is no answer."""
    choosing = asyncio.create_task(keep_history(FIRST_PERSON, sim.interactions, pause_s=0.01))
    async with connected(sim) as gateway:
        await gateway.start()
        sim.commands.register({"name": "grux", "description": "What is shown"})
        for answer in (REFUSED, panel(chosen="off"), panel(chosen="recent")):
            assert not choosing.done()
            event = await gateway.until("INTERACTION_CREATE")
            assert event["user"]["id"] == FIRST_PERSON
            [asked] = event["data"]["options"]
            assert (asked["name"], asked["options"][0]["value"]) == ("history", "recent")
            await sim.interactions.answer(event["id"], event["token"], answer)
        await choosing


async def test_without_an_answer_it_is_tried_again(sim: Simulator) -> None:
    """The bot may have been away."""
    sim.commands.register({"name": "grux", "description": "What is shown"})
    keeping = keep_history(FIRST_PERSON, sim.interactions, pause_s=0.01, answer_wait_s=0.01)
    choosing = asyncio.create_task(keeping)
    async with connected(sim) as gateway:
        await gateway.start()
        first = await gateway.until("INTERACTION_CREATE")
        second = await gateway.until("INTERACTION_CREATE")
        assert first["id"] != second["id"]
    choosing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await choosing


async def test_it_is_an_option() -> None:
    """The simulator does it from its start."""
    async with Simulator(quiet(keeps_history=FIRST_PERSON)) as sim, connected(sim) as gateway:
        await gateway.start()
        sim.commands.register({"name": "grux", "description": "What is shown"})
        event = await gateway.until("INTERACTION_CREATE")
        assert event["user"]["id"] == FIRST_PERSON
