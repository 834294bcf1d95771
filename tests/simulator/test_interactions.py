"""Interactions over the gateway: who gets them, and which answers are accepted when."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from simulator import BOT_ID
from simulator.interactions import ANSWER_SECONDS, TOKEN_SECONDS
from simulator.message_rules import problems_of_message, problems_of_modal
from simulator.people import FIRST_GUILDS, FIRST_PERSON
from simulator.server import Simulator
from testing import samples
from tests.simulator.client import Client, Post, connected

GUILD = FIRST_GUILDS[0]
HELLO = {"type": 4, "data": {"content": "Hello.", "flags": 64}}
MODAL = {
    "custom_id": "m",
    "title": "About you",
    "components": [
        {"type": 18, "label": "Bio", "component": {"type": 4, "custom_id": "bio", "style": 2}}
    ],
}


class Bot:
    """Gets interactions over the gateway, and answers them over REST."""

    def __init__(self, sim: Simulator, gateway: Client, http: aiohttp.ClientSession) -> None:
        self.sim = sim
        self.gateway = gateway
        self._http = http

    async def interaction(self) -> dict[str, Any]:
        return await self.gateway.until("INTERACTION_CREATE")

    async def answer(self, event: dict[str, Any], body: Any, query: str = "") -> tuple[int, Any]:
        path = f"/api/v10/interactions/{event['id']}/{event['token']}/callback{query}"
        async with self._http.post(path, json=body) as response:
            return response.status, await response.json() if response.status != 204 else None

    async def webhook(
        self, method: str, event: dict[str, Any], path: str = "", body: Any = None
    ) -> tuple[int, Any]:
        url = f"/api/v10/webhooks/{BOT_ID}/{event['token']}{path}"
        async with self._http.request(method, url, json=body) as response:
            return response.status, await response.json() if response.status != 204 else None


@pytest.fixture
async def bot(sim: Simulator) -> AsyncIterator[Bot]:
    """A bot that has registered /grux. Time stands still, so that a busy machine is never late."""
    now = sim.interactions.now()
    sim.interactions.now = lambda: now
    headers = {"Authorization": f"Bot {sim.token}"}
    command = {"name": "grux", "description": "What is shown"}
    async with aiohttp.ClientSession(sim.url) as http, connected(sim) as gateway:
        await gateway.start()
        path = f"/api/v10/applications/{BOT_ID}/commands"
        async with http.put(path, json=[command], headers=headers) as response:
            assert response.status == 200
        yield Bot(sim, gateway, http)


def use(sim: Simulator, guild_id: str | None = GUILD) -> dict[str, Any]:
    return sim.interactions.use_command(FIRST_PERSON, "grux", guild_id=guild_id).event


async def test_an_event_looks_like_discords(bot: Bot) -> None:
    """The keys that Discord documents are there, in a server and in a DM."""
    interactions = samples.read("oauth-and-interaction-samples.json")["interactions"]
    for guild_id, name in ((GUILD, "slash_in_guild"), (None, "slash_in_dm")):
        use(bot.sim, guild_id)
        event = await bot.interaction()
        assert interactions[name]["d"].keys() == event.keys()


async def test_a_guild_chooses_the_shard_and_a_dm_goes_to_the_first(sim: Simulator) -> None:
    """The shard of the guild alone gets it; without a guild shard 0 does."""
    sim.commands.register({"name": "grux"})
    async with connected(sim) as first, connected(sim) as second:
        await first.start(shard=[0, 2], intents=0)
        await second.start(shard=[1, 2], intents=0)
        owner = (int(GUILD) >> 22) % 2
        sent = [use(sim), use(sim, None)]
        for shard, client in enumerate((first, second)):
            got = [frame["d"]["id"] for frame in await client.everything_so_far() if frame["t"]]
            here = [sent[0]["id"]] if shard == owner else []
            assert got == here + ([sent[1]["id"]] if shard == 0 else [])


async def test_with_an_endpoint_url_the_gateway_gets_nothing(sim: Simulator, post: Post) -> None:
    """As in the portal: the gateway or HTTP, never both."""
    sim.commands.register({"name": "grux"})
    await post("settings", options={"interactions_endpoint_url": "https://bot.example/"})
    answer = await post("use_command", user_id=FIRST_PERSON, subcommand="show")
    assert answer["error"]["field"] == "interactions_endpoint_url"


async def test_an_answer_is_seen_once(bot: Bot) -> None:
    """204 or JSON; a second answer is refused with 40060, one to an unknown token with 10062."""
    event = use(bot.sim)
    assert await bot.answer({**event, "token": "x"}, HELLO) == (
        404,
        {"message": "Unknown interaction", "code": 10062},
    )
    assert await bot.answer(event, HELLO) == (204, None)
    status, body = await bot.answer(event, HELLO)
    assert (status, body["code"]) == (400, 40060)
    shown = bot.sim.interactions.get(event["id"]).shown()
    assert shown["message"]["content"] == "Hello."
    assert shown["refusals"] == ["40060 answered before"]
    status, body = await bot.answer(
        use(bot.sim), {"type": 5, "data": {"flags": 64}}, "?with_response=1"
    )
    assert (status, body["interaction"]["response_message_loading"]) == (200, True)


async def test_after_three_seconds_it_is_too_late(bot: Bot) -> None:
    """10062, and no answer is seen."""
    now = 1_800_000_000.0
    bot.sim.interactions.now = lambda: now
    event = use(bot.sim)
    now += ANSWER_SECONDS + 0.1
    status, body = await bot.answer(event, HELLO)
    assert (status, body["code"]) == (404, 10062)
    assert bot.sim.interactions.get(event["id"]).answer_type is None


async def test_the_token_ends_after_fifteen_minutes(bot: Bot) -> None:
    """Edits and follow-ups are accepted until then."""
    now = 1_800_000_000.0
    bot.sim.interactions.now = lambda: now
    event = use(bot.sim)
    assert (await bot.webhook("POST", event, body={"content": "Early"}))[0] == 404
    await bot.answer(event, {"type": 5, "data": {"flags": 64}})
    now += TOKEN_SECONDS - 1
    original = "/messages/@original"
    assert (await bot.webhook("PATCH", event, original, {"content": "Done."}))[0] == 200
    assert (await bot.webhook("GET", event, original))[1]["content"] == "Done."
    assert (await bot.webhook("POST", event, body={"content": "More", "flags": 64}))[0] == 200
    assert (await bot.webhook("DELETE", event, original))[0] == 204
    assert (await bot.webhook("GET", event, original))[0] == 404
    now += 2
    status, body = await bot.webhook("PATCH", event, original, {"content": "Late"})
    assert (status, body["code"]) == (401, 50027)


async def test_a_person_uses_everything_over_the_control_api(bot: Bot, post: Post) -> None:
    """A command, a button of its answer, the modal behind it; each event is as Discord's."""
    row = {
        "type": 1,
        "components": [{"type": 2, "style": 1, "label": "Write", "custom_id": "open"}],
    }
    used = await post(
        "use_command", user_id=FIRST_PERSON, subcommand="show", options={"n": 1}, wait=0
    )
    event = await bot.interaction()
    assert event["data"]["options"] == [
        {"name": "show", "type": 1, "options": [{"name": "n", "type": 4, "value": 1}]}
    ]
    await bot.answer(event, {"type": 4, "data": {"content": "Hi", "components": [row]}})
    await post("use_component", interaction_id=used["interaction_id"], custom_id="open", wait=0)
    pressed = await bot.interaction()
    assert (pressed["type"], pressed["message"]["content"]) == (3, "Hi")
    assert (await bot.answer(pressed, {"type": 9, "data": MODAL}))[0] == 204
    await post("submit_modal", interaction_id=pressed["id"], fields={"bio": "x"}, wait=0)
    sent = await bot.interaction()
    [label] = sent["data"]["components"]
    assert label["component"]["value"] == "x"
    assert (await bot.answer(sent, {"type": 9, "data": MODAL}))[1]["code"] == 50035
    assert (await bot.answer(sent, {"type": 6}))[0] == 204
    await post("repeat_interaction", interaction_id=sent["id"])
    assert await bot.interaction() == sent
    read = await post("read_interaction", interaction_id=sent["id"])
    assert (read["type"], read["edits"]) == (6, 0)


async def test_a_resume_repeats_what_the_bot_may_have_missed(bot: Bot, sim: Simulator) -> None:
    """The same event with the same sequence number, although it was answered."""
    earlier = bot.gateway
    seq = earlier.seq
    event = use(sim)
    assert await bot.interaction() == event
    await bot.answer(event, HELLO)
    sim.drop("rst")
    earlier.seq = seq
    async with connected(sim) as client:
        await client.resume(earlier)
        assert await client.until("INTERACTION_CREATE") == event


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        {"content": "x" * 2001},
        {"flags": 1},
        {"embeds": [{}] * 11},
        {"embeds": [{"description": "x" * 4000}] * 2},
        {"components": [{"type": 1, "components": []}]},
        {"components": [{"type": 2}]},
        {"components": [{"type": 1, "components": [{"type": 2, "label": "", "custom_id": "a"}]}]},
        {"components": [{"type": 1, "components": [{"type": 2, "label": "a"}]}]},
        {
            "components": [
                {"type": 1, "components": [{"type": 2, "label": "a", "custom_id": "a"}] * 2}
            ]
        },
        {
            "components": [
                {"type": 1, "components": [{"type": 2, "style": 5, "label": "a", "url": "ftp:x"}]}
            ]
        },
        {"components": [{"type": 1, "components": [{"type": 3, "custom_id": "a", "options": []}]}]},
        {
            "components": [
                {
                    "type": 1,
                    "components": [
                        {
                            "type": 3,
                            "custom_id": "a",
                            "max_values": 2,
                            "options": [{"label": "a", "value": "a"}],
                        }
                    ],
                }
            ]
        },
    ],
)
def test_rules_of_messages(wrong: Any) -> None:
    """Each of these is refused."""
    assert problems_of_message(wrong)


def test_rules_of_modals() -> None:
    """Labels, titles and values have their limits."""
    assert problems_of_modal(MODAL) == []
    assert problems_of_modal({**MODAL, "title": "x" * 46})
    assert problems_of_modal({**MODAL, "components": []})
    label = MODAL["components"][0]
    assert isinstance(label, dict)
    assert problems_of_modal({**MODAL, "components": [{**label, "label": "x" * 46}]})
    text = {"type": 4, "custom_id": "bio", "style": 2, "max_length": 3, "value": "long"}
    assert problems_of_modal({**MODAL, "components": [{**label, "component": text}]})
