"""Ports, public addresses, profile source and file limits, with a real api and a real ws."""

from __future__ import annotations

import asyncio
import resource
import socket
import sys

from services.doctor import machine
from shared.redis import gateway_liveness
from shared.redis.store import Store
from testing.eventually import PATIENCE, eventually_async
from testing.free_port import free_port
from tests.doctor.examination import examined
from tests.e2e.stack import running
from tests.run.running import ROOT


async def test_everything_of_a_running_grux_is_found() -> None:
    """Its ports, its addresses and its profile source answer as they should."""
    async with running() as stack:
        api, ws = f"127.0.0.1:{stack.api_port}", f"127.0.0.1:{stack.ws_port}"
        async with Store.connect(stack.redis.url, timeout=PATIENCE) as store:
            await eventually_async(lambda: _beats(store))
        said = await examined(
            {
                **stack.env,
                "PUBLIC_URL": f"http://{api}",
                "PUBLIC_WS_URL": f"ws://{ws}",
                "TRUSTED_PROXIES": "127.0.0.1",
                "PROFILE_SOURCE": "upstream",
                "PROFILE_UPSTREAM_URL": f"{stack.simulator.url}/profiles/{{user_id}}",
            }
        )
        swapped = await examined(
            {**stack.env, "PUBLIC_URL": f"http://{ws}", "PUBLIC_WS_URL": f"ws://{api}"}
        )
    assert said.status == 0
    for words in (
        f"Grux answers on API_PORT {stack.api_port}",
        f"Grux answers on WS_PORT {stack.ws_port}",
        f"the API answers at http://{api}",
        f"WebSockets work at ws://{ws}",
        "the profile source answers",
        "a gateway is connected to Discord; monitored people:",
    ):
        assert said.level(words) == "ok"
    assert swapped.level(f"PUBLIC_WS_URL (ws://{api}) does not become a WebSocket") == "failure"
    assert swapped.level("something else answers at PUBLIC_URL") == "failure"
    assert swapped.level("TRUSTED_PROXIES is not set") == "warning"


async def _beats(store: Store) -> bool:
    return await gateway_liveness.age(store) is not None


async def test_a_port_of_somebody_else(redis_url: str) -> None:
    """Taken by another program is a failure, free is well."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken, free = other.getsockname()[1], free_port()
        env = {"REDIS_URL": redis_url, "API_PORT": str(taken), "WS_PORT": str(free)}
        # It accepts, says nothing, and is closed by us: the doctor must not wait for ever.
        said = await examined(env)
    assert said.level(f"API_PORT {taken} is in use by another program") == "failure"
    assert said.level(f"WS_PORT {free} is free") == "ok"


async def test_addresses_that_lead_nowhere(redis_url: str) -> None:
    """A name that nobody knows, a port that nobody has, and a profile source that is gone."""
    env = {
        "REDIS_URL": redis_url,
        "API_PORT": "0",
        "WS_PORT": "0",
        "PUBLIC_URL": f"http://127.0.0.1:{free_port()}",
        "PUBLIC_WS_URL": "wss://nobody.invalid",
        "PROFILE_SOURCE": "upstream",
        "PROFILE_UPSTREAM_URL": f"http://127.0.0.1:{free_port()}/secret/{{user_id}}",
    }
    said = await examined(env)
    assert said.level("PUBLIC_URL (http://127.0.0.1") == "failure"
    assert said.level("the name in PUBLIC_WS_URL (wss://nobody.invalid) is not known") == "failure"
    assert said.level("PROFILE_UPSTREAM_URL cannot be reached") == "failure"
    assert "/secret/" not in said.printed
    own = await examined(env, in_compose=True)
    assert own.level("PUBLIC_URL is this machine alone") == "ok"
    assert own.level("api does not answer") == "warning"


async def test_plain_addresses_for_the_world(redis_url: str) -> None:
    """A page of https may not ask them."""
    env = {"REDIS_URL": redis_url, "API_PORT": "0", "WS_PORT": "0"}
    said = await examined({**env, "PUBLIC_URL": "http://nobody.invalid"})
    assert said.level("PUBLIC_URL without TLS") == "warning"
    assert said.level("PUBLIC_WS_URL is not set") == "warning"


async def test_a_setting_that_cannot_be_read(redis_url: str) -> None:
    """It is named once, and what does not depend on it is looked at all the same."""
    said = await examined({"REDIS_URL": redis_url, "API_PORT": "many", "WS_PORT": "0"})
    assert said.level("API_PORT must be a whole number") == "failure"
    assert said.level("Redis answers") == "ok"
    said = await examined({"REDIS_URL": "http://:hidden@here", "LOG_LEVEL": "loud"})
    assert said.printed.count("failure") >= 1
    assert "hidden" not in said.printed


def test_few_files() -> None:
    """How many clients that makes is told, and how to raise it."""
    assert machine.files(1024).level == "warning"
    assert "768 connections" in machine.files(1024).what
    assert machine.files(524_288).level == "ok"
    assert machine.files(resource.RLIM_INFINITY).level == "ok"


async def test_a_script_can_go_by_its_exit_status() -> None:
    """`python -m services doctor` ends with 1 for a failure, and prints no secret."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services", "doctor"),
        cwd=ROOT,
        env={
            "DISCORD_TOKEN": "Bot something-secret",
            "REDIS_URL": f"redis://:hush-hush@127.0.0.1:{free_port()}/0",
            "API_PORT": "0",
            "WS_PORT": "0",
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await process.communicate()
    assert process.returncode == 1
    assert b"'Bot' stands before it" in printed
    assert b"something-secret" not in printed
    assert b"hush-hush" not in printed
