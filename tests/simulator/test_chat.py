"""The page on which a newcomer uses commands: every form on it works without JavaScript."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import pytest

from simulator.people import FIRST_PERSON
from simulator.server import Simulator

COMMAND = {
    "name": "grux",
    "description": "<Grux>",
    "options": [
        {
            "type": 1,
            "name": "pause",
            "description": "Pause",
            "options": [
                {"type": 4, "name": "hours", "description": "Hours", "required": True},
                {
                    "type": 3,
                    "name": "what",
                    "description": "What",
                    "choices": [{"name": "A", "value": "a"}],
                },
            ],
        }
    ],
}
ROWS = [
    {
        "type": 1,
        "components": [
            {"type": 2, "style": 1, "label": "Press", "custom_id": "press"},
            {"type": 2, "style": 5, "label": "Away", "url": "https://example.org"},
        ],
    },
    {
        "type": 1,
        "components": [
            {
                "type": 3,
                "custom_id": "select",
                "min_values": 0,
                "max_values": 2,
                "options": [
                    {"label": "A", "value": "a"},
                    {"label": "B", "value": "b", "default": True},
                ],
            }
        ],
    },
]
MODAL = {
    "custom_id": "form",
    "title": "Form",
    "components": [
        {
            "type": 18,
            "label": "Bio",
            "component": {"type": 4, "custom_id": "bio", "style": style, "value": "<old>"},
        }
        for style in (1,)
    ],
}
FIELDS = {"user_id": FIRST_PERSON, "guild_id": "", "locale": "de", "subcommand": "pause"}


class Bot:
    """Answers each interaction of the simulator with what a test says."""

    def __init__(self, sim: Simulator) -> None:
        self.answers: list[dict[str, Any]] = []
        self.events: list[Any] = []
        self._sim = sim
        self._tasks: set[asyncio.Task[Any]] = set()
        now = sim.interactions.now()  # stands still, so that a busy machine is never late
        sim.interactions.now = lambda: now
        sim.sessions.tell = self._tell  # type: ignore[method-assign]

    def _tell(self, name: str, guild_id: str | None, d: Any) -> None:
        self.events.append(d)
        answer = self._sim.interactions.answer(d["id"], d["token"], self.answers.pop(0))
        task = asyncio.create_task(answer)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


@pytest.fixture
async def http(sim: Simulator) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(sim.url) as session:
        yield session


async def post(
    http: aiohttp.ClientSession, path: str, fields: Mapping[str, Any]
) -> tuple[str, str]:
    """The path and the text of the page that one comes to."""
    async with http.post(path, data=fields) as response:
        assert response.status == 200
        return response.url.path, await response.text()


async def test_a_page_leads_through_everything(sim: Simulator, http: aiohttp.ClientSession) -> None:
    """A command, a button, a select and a form; what was sent is escaped."""
    sim.commands.register(COMMAND)
    async with http.get("/chat") as response:
        page = await response.text()
    assert 'name="number:hours"' in page
    assert "/grux pause" in page
    bot = Bot(sim)
    bot.answers = [
        {"type": 4, "data": {"content": "<b>Hi</b>", "flags": 64, "components": ROWS}},
        {"type": 7, "data": {"content": "Pressed", "components": ROWS}},
        {"type": 9, "data": MODAL},
        {"type": 4, "data": {"content": "Saved"}},
    ]
    options = {"number:hours": "3", "text:what": ""}
    path, page = await post(http, "/chat", {**FIELDS, **options})
    assert "&lt;b&gt;Hi&lt;/b&gt;" in page
    assert bot.events[0]["locale"] == "de"
    [given] = bot.events[0]["data"]["options"]
    assert given["options"] == [{"name": "hours", "type": 4, "value": 3}]
    assert f'action="{path}/component"' in page
    path, page = await post(http, f"{path}/component", {"custom_id": "press"})
    assert "Pressed" in page
    selected = [("custom_id", "select"), ("is_select", "1"), ("values", "a"), ("values", "b")]
    async with http.post(f"{path}/component", data=selected) as response:
        path, page = response.url.path, await response.text()
    assert bot.events[2]["data"]["values"] == ["a", "b"]
    assert 'value="&lt;old&gt;"' in page
    path, page = await post(http, f"{path}/modal", {"bio": "new"})
    assert "Saved" in page
    [label] = bot.events[3]["data"]["components"]
    assert label["component"]["value"] == "new"
    assert re.search(r'href="/chat"', page)


async def test_without_commands_the_page_says_so(http: aiohttp.ClientSession) -> None:
    """Grux registers them when it starts."""
    async with http.get("/chat") as response:
        assert "no commands yet" in await response.text()
    async with http.post("/chat", data=FIELDS) as response:
        assert response.status == 400


@pytest.mark.parametrize("path", ["/chat/1", "/chat/x"])
async def test_an_unknown_answer_is_404(http: aiohttp.ClientSession, path: str) -> None:
    """As after a restart of the simulator."""
    async with http.get(path) as response:
        assert response.status == 404
    async with http.post(f"{path}/component", data={"custom_id": "x"}) as response:
        assert response.status == 400
