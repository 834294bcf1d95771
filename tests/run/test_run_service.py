"""One service alone, as in a container, and the probe of its health check."""

from __future__ import annotations

import asyncio
import re
import sys
import tomllib

import pytest

from services.run import run_service
from shared.version import VERSION
from simulator import DEFAULT_TOKEN
from simulator.server import Simulator
from testing.free_port import free_port
from testing.process import ROOT, Process
from tests.e2e.stack import quiet

BARE = f"""
import runpy, sys
sys.path.insert(0, {str(ROOT)!r})
runpy.run_module("services", run_name="__main__", alter_sys=True)
"""
"""`python -m services`, in a Python without any installed package."""


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


async def test_a_service_is_run_as_by_its_own_name() -> None:
    """Its settings, its messages and its exit status are those of `python -m services.<name>`."""
    status, printed = await services("api", API_PORT="many")
    assert status == 2
    assert printed.startswith("api: API_PORT must be a whole number")


async def test_an_unknown_service_is_refused() -> None:
    """The error lists the services; --help prints only that list."""
    status, printed = await services("apy")
    assert status == 2
    assert printed.startswith("There is no service 'apy'.")
    assert "python -m services api " in printed
    assert await services("--help") == (0, run_service.USAGE + "\n")


async def test_the_version_needs_no_packages() -> None:
    """`--version` answers in any Python; anything else says how to install what is missing."""
    assert await services("--version") == (0, f"Grux {VERSION}\n")
    bare = ("-I", "-S", "-c", BARE)
    for arguments in ((), ("doctor",), ("backup",), ("ws",)):
        assert await python(*bare, *arguments, "--version") == (0, f"Grux {VERSION}\n")
    for arguments in ((), ("api",)):
        status, printed = await python(*bare, *arguments)
        assert status == 1
        assert printed.startswith("The packages that Grux needs are not installed in ")
        assert "`make run`" in printed
        assert "Traceback" not in printed


@pytest.mark.parametrize("command", ["backup", "key"])
async def test_a_durable_redis_that_cannot_be_reached(command: str) -> None:
    """A sentence that names it, and exit status 1."""
    away = f"redis://127.0.0.1:{free_port()}/0"
    arguments = ("key", "161092844126208001") if command == "key" else (command,)
    status, printed = await services(*arguments, DURABLE_REDIS_URL=away)
    assert status == 1
    assert f"The Redis at {away.removeprefix('redis://').removesuffix('/0')} cannot be" in printed
    assert "Traceback" not in printed


def test_there_is_one_version() -> None:
    """That of the package, the images and the manifests."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == VERSION
    for file in ("Dockerfile", "deploy/kubernetes/base/api.yaml", "docs/kubernetes.md"):
        named = re.findall(r"(?:VERSION=|grux(?:-cards)?:)(\d[\d.]*)", (ROOT / file).read_text())
        assert set(named) == {VERSION}, file


async def test_without_a_token_the_simulator_of_the_demo_is_used() -> None:
    """If it is reachable. Browsers find its pictures and its consent page at the public address."""
    async with Simulator(quiet()) as simulator:
        env = {
            "SIMULATOR_URL": simulator.url,
            "SIMULATOR_TOKEN": DEFAULT_TOKEN,
            "PUBLIC_URL": "http://127.0.0.1:8080",
        }
        settings = await asyncio.to_thread(run_service.simulator_settings, env)
        assert settings["DISCORD_TOKEN"] == simulator.token
        assert settings["DISCORD_API_URL"] == simulator.api_url
        assert settings["DISCORD_CDN_URL"] == "http://127.0.0.1:8080/cdn"
        assert settings["DISCORD_CDN_FETCH_URL"] == simulator.cdn_url
        assert settings["DISCORD_AUTHORIZE_URL"] == "http://127.0.0.1:8080/oauth2/authorize"
        assert settings["PROFILE_UPSTREAM_URL"] == simulator.url + "/profiles/{user_id}"
        assert run_service.simulator_settings({**env, "DISCORD_TOKEN": "a real one"}) == {}
    assert await asyncio.to_thread(run_service.simulator_settings, env) == {}  # it is gone
    assert run_service.simulator_settings({}) == {}


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [("/api/v10/gateway", 0, "HTTP/1.0 200 OK"), ("/nothing", 1, "HTTP/1.0 404 Not Found")],
)
async def test_the_probe_prints_the_status(path: str, status: int, says: str) -> None:
    """Only status 200 is healthy."""
    async with Simulator(quiet()) as simulator:
        port = str(simulator.port)
        asked = await python("-IS", "services/probe.py", port, path)
    assert asked == (status, f"{path} on port {port}: {says}\n")


async def test_the_probe_finds_nothing_listening() -> None:
    """A refused connection is unhealthy, and prints no traceback."""
    status, printed = await python("-IS", "services/probe.py", "1", "/ready")
    assert status == 1
    assert printed.startswith("/ready on port 1: [Errno ")
