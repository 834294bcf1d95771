"""One part alone, as a container runs it, and the probe of its health check."""

from __future__ import annotations

import asyncio
import sys

import pytest

from services.run import run_service
from simulator import DEFAULT_TOKEN
from simulator.server import Simulator
from testing.process import ROOT, Process
from tests.e2e.stack import quiet


async def python(*arguments: str, **env: str) -> tuple[int, str]:
    """Exit status and all that it printed."""
    process = await Process.start(sys.executable, *arguments, cwd=ROOT, env=env)
    status = await process.ended()
    return status, "".join(f"{line}\n" for line in process.lines)


async def services(*arguments: str, **env: str) -> tuple[int, str]:
    """`python -m services`, likewise."""
    process = await Process.start_module("services", *arguments, env=env)
    status = await process.ended()
    return status, "".join(f"{line}\n" for line in process.lines)


async def test_a_part_is_run_as_by_its_own_name() -> None:
    """Its settings, its messages and its exit status are those of `python -m services.<part>`."""
    status, printed = await services("api", API_PORT="many")
    assert status == 2
    assert printed.startswith("api: API_PORT must be a whole number")


async def test_what_there_is_no_part_for() -> None:
    """A wrong name is told, with the right ones; asked for help, it gives that alone."""
    status, printed = await services("apy")
    assert status == 2
    assert printed.startswith("There is no part called 'apy'.")
    assert "python -m services api " in printed
    assert await services("--help") == (0, run_service.USAGE + "\n")


async def test_without_a_token_the_simulator_of_the_demo_is_used() -> None:
    """Where it answers; its pictures are where browsers reach them."""
    async with Simulator(quiet()) as simulator:
        env = {
            "SIMULATOR_URL": simulator.url,
            "SIMULATOR_TOKEN": DEFAULT_TOKEN,
            "PUBLIC_URL": "http://127.0.0.1:8080",
        }
        settings = await asyncio.to_thread(run_service.demo, env)
        assert settings["DISCORD_TOKEN"] == simulator.token
        assert settings["DISCORD_API_URL"] == simulator.api_url
        assert settings["DISCORD_CDN_URL"] == "http://127.0.0.1:8080/cdn"
        assert settings["DISCORD_CDN_FETCH_URL"] == simulator.cdn_url
        assert settings["PROFILE_UPSTREAM_URL"] == simulator.url + "/profiles/{user_id}"
        assert run_service.demo({**env, "DISCORD_TOKEN": "a real one"}) == {}
    assert await asyncio.to_thread(run_service.demo, env) == {}  # it is gone
    assert run_service.demo({}) == {}


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [("/api/v10/gateway", 0, "HTTP/1.0 200 OK"), ("/nothing", 1, "HTTP/1.0 404 Not Found")],
)
async def test_the_probe_says_what_it_got(path: str, status: int, says: str) -> None:
    """200 is good, and nothing else."""
    async with Simulator(quiet()) as simulator:
        port = str(simulator.port)
        asked = await python("-IS", "services/probe.py", port, path)
    assert asked == (status, f"{path} on port {port}: {says}\n")


async def test_the_probe_finds_nothing_listening() -> None:
    """A refused connection is not well, and no traceback."""
    status, printed = await python("-IS", "services/probe.py", "1", "/ready")
    assert status == 1
    assert printed.startswith("/ready on port 1: [Errno ")
