"""docs/recipes/home-assistant.md: the YAML, its templates, and the program."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml
from aiohttp import web
from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from testing.eventually import eventually
from testing.free_port import free_port
from testing.process import Process
from tests.e2e.stack import ROBIN, Stack
from tests.recipes.recipe import code, written

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAGE = "home-assistant.md"
HOME = "http://homeassistant.local:8123"
POLLED, LIVE = "A sensor that is polled", "A sensor that is live"

# The keys that Home Assistant's documentation of each integration lists.
REST = {"resource", "scan_interval", "timeout", "sensor", "binary_sensor"}
REST_SENSOR = {"name", "unique_id", "value_template", "json_attributes_path", "json_attributes"}
BINARY_SENSOR = {"name", "unique_id", "device_class", "value_template"}
WEBHOOK = {"trigger", "webhook_id", "allowed_methods", "local_only"}
TEMPLATE_SENSOR = {"name", "unique_id", "state", "attributes"}


def render(template: str, **variables: Any) -> str:
    """As Home Assistant does: in a sandbox, and without the blanks around it."""
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined)
    return environment.from_string(template).render(**variables).strip()


async def rendered(stack: Stack) -> dict[str, str]:
    """The states of the sensors that are polled, from the answer of the running server."""
    (rest,) = yaml.safe_load(code(PAGE, POLLED, "yaml", stack))["rest"]
    assert rest.keys() == REST
    status, body = await stack.get(rest["resource"].partition(str(stack.api_port))[2])
    assert status == 200
    states = {}
    for kind, keys in {"sensor": REST_SENSOR, "binary_sensor": BINARY_SENSOR}.items():
        for sensor in rest[kind]:
            assert sensor.keys() <= keys
            assert ROBIN in sensor["unique_id"]
            states[sensor["name"]] = render(sensor["value_template"], value_json=body)
            if "json_attributes_path" in sensor:
                found: Any = {"$": body}
                for step in sensor["json_attributes_path"].split("."):
                    found = found[step]
                assert set(sensor["json_attributes"]) <= found.keys()
    return states


async def test_the_sensors_that_are_polled(stack: Stack) -> None:
    """Status, activity and song, and the same without any."""
    assert await rendered(stack) == {
        "Discord status": "online",
        "Discord activity": "Starfall Arena",
        "Discord song": "Paper Lanterns by Juniper Vale",
        "Discord online": "True",
    }
    stack.simulator.world.set_presence(ROBIN, "offline", [], {})
    await stack.shows(ROBIN, lambda data: bool(data["status"] == "invisible"))
    assert await rendered(stack) == {
        "Discord status": "invisible",
        "Discord activity": "nothing",
        "Discord song": "nothing",
        "Discord online": "False",
    }


class Home:
    """A webhook of Home Assistant, and what it has been sent."""

    def __init__(self) -> None:
        self.received: list[tuple[str, dict[str, Any]]] = []
        self.url = f"http://127.0.0.1:{free_port()}"

    async def hook(self, request: web.Request) -> web.Response:
        self.received.append((request.match_info["id"], await request.json()))
        return web.Response()


@pytest_asyncio.fixture(loop_scope="session")
async def home() -> AsyncIterator[Home]:
    home = Home()
    app = web.Application()
    app.router.add_post("/api/webhook/{id}", home.hook)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(home.url.rpartition(":")[2])).start()
    yield home
    await runner.cleanup()


async def test_the_sensor_that_is_live(stack: Stack, home: Home, tmp_path: Path) -> None:
    """The program sends each change to the webhook, and the templates make a sensor of it."""
    (sensor_of,) = yaml.safe_load(code(PAGE, LIVE, "yaml", stack))["template"]
    (trigger,) = sensor_of["triggers"]
    (sensor,) = sensor_of["sensor"]
    assert (trigger.keys(), trigger["trigger"]) == (WEBHOOK, "webhook")
    assert sensor.keys() == TEMPLATE_SENSOR
    program = code(PAGE, LIVE, "python", stack)
    assert HOME in program
    path = written(tmp_path, "live.py", program.replace(HOME, home.url))
    process = await Process.start(sys.executable, path)
    templates = {"state": sensor["state"], **sensor["attributes"]}

    def states() -> list[dict[str, str]]:
        assert {name for name, _ in home.received} <= {trigger["webhook_id"]}
        return [
            {key: render(text, trigger={"json": state}) for key, text in templates.items()}
            for _, state in home.received
        ]

    playing = {"state": "online", "activity": "Starfall Arena", "song": "Paper Lanterns"}
    nothing = {"state": "dnd", "activity": "nothing", "song": "nothing"}
    try:
        await eventually(lambda: playing in states())
        stack.simulator.world.set_presence(ROBIN, "dnd", [], {"desktop": "dnd"})
        await eventually(lambda: nothing in states())
    finally:
        await process.kill()
    assert process.errors == ""


async def test_the_program_survives_without_home_assistant(stack: Stack, tmp_path: Path) -> None:
    """It says so, and tries again with the next change."""
    program = code(PAGE, LIVE, "python", stack).replace(HOME, "http://127.0.0.1:1")
    process = await Process.start(sys.executable, written(tmp_path, "live.py", program))
    try:
        await process.line_with("did not take the state")
        stack.simulator.world.set_presence(ROBIN, "dnd", [], {"desktop": "dnd"})
        await eventually(lambda: len(process.stdout) > 1)
        assert process.running
    finally:
        await process.kill()


async def test_the_automation(grux: Stack) -> None:
    """Its trigger names the entity that the polled sensor gets, and a status that exists."""
    (automation,) = yaml.safe_load(code(PAGE, "An automation", "yaml", grux))["automation"]
    assert automation.keys() == {"alias", "triggers", "actions"}
    (trigger,) = automation["triggers"]
    assert trigger == {"trigger": "state", "entity_id": "sensor.discord_status", "to": "dnd"}
    (action,) = automation["actions"]
    assert action.keys() == {"action", "target", "data"}
