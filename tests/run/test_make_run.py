"""`make run` with real processes: what a new user sees."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shlex
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from services.run import banner, plan
from services.run.demo_settings import DEMO_USER_ID
from testing.eventually import PATIENCE, eventually_async
from testing.free_port import free_port
from testing.process import ROOT, Process
from tests.run.running import FREE_PORTS, PROC, alive, running
from tests.run.test_commands import command

needs_proc = pytest.mark.skipif(not PROC.exists(), reason="needs Linux's /proc")
README, API, WEBSOCKET = (
    (ROOT / name).read_text() for name in ("README.md", "docs/api.md", "docs/websocket.md")
)


NOWHERE = "redis://127.0.0.1:1/0"


async def fetch(url: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    async with aiohttp.ClientSession(headers=headers) as http, http.get(url) as answer:
        assert answer.status == 200
        found: dict[str, Any] = await answer.json()
        return found


async def page(url: str) -> str:
    async with aiohttp.ClientSession() as http, http.get(url) as answer:
        assert answer.status == 200
        return await answer.text()


async def has_recent(url: str) -> bool:
    """Whether it shows what the person does, or did. 404: they keep no history yet."""
    async with aiohttp.ClientSession() as http, http.get(url) as answer:
        return answer.status == 200 and bool((await answer.json())["data"]["recent"])


async def frames_of(command: str, last: str) -> list[str]:
    """Run `command`: the `op` of each frame that it prints, up to the first `last`."""
    process = await Process.start(*shlex.split(command), cwd=ROOT)
    seen: list[str] = []
    async with asyncio.timeout(PATIENCE):
        while last not in seen:
            seen.append(json.loads(await process.next_line())["op"])
    await process.stop(signal.SIGINT)
    return seen


@asynccontextmanager
async def discord() -> AsyncIterator[dict[str, str]]:
    """A simulated Discord that the runner uses as the real one. Yields the settings for it."""
    port, token = free_port(), "OTcwMTEyMzE2MjExMjAwMDA4.right.token"
    simulator = await Process.start_module("simulator", "--port", str(port), "--token", token)
    try:
        await simulator.line_with("listening")
        url = f"http://127.0.0.1:{port}/api/v10"
        yield {"DISCORD_TOKEN": token, "DISCORD_API_URL": url}
    finally:
        await simulator.stop()


async def test_the_printed_commands_work() -> None:
    """The curl lines show a presence and a history, the WebSocket line a change. Ctrl-C: 0."""
    async with running({"API_REQUESTS_PER_MINUTE": "0"}) as it:  # the history is asked for often
        await it.prints("Press Ctrl-C to stop everything.")
        curl = it.line_with("curl ")
        answer = await fetch(curl.removeprefix("curl "))
        assert answer["success"] is True
        metrics = it.line_with("Metrics ").split()[1]
        assert "grux_gateway_events_total" in await page(metrics)
        api = it.line_with("REST ").split()[1]
        assert "<title>Robin is " in await page(f"{api}/card/{DEMO_USER_ID}.svg")
        history = it.line_with("/history/").removeprefix("curl ")
        await eventually_async(lambda: has_recent(history))
        watch = it.line_with("services.run.watch")
        frames = await frames_of(watch, last="presence_update")
        assert frames[0] == "initial_data"
        pids = it.children()
        it.process.send(signal.SIGINT)
        assert await it.end() == (0, "")
        assert [command for pid, command in pids.items() if alive(pid)] == []


def test_the_readme_has_the_printed_commands() -> None:
    """README and docs/websocket.md show the same lines, with the usual ports."""
    made = plan.make_plan(FREE_PORTS)
    shown = banner.text(made, DEMO_USER_ID)
    shown = shown.replace(made.api_url, "http://127.0.0.1:8000")
    shown = shown.replace(made.ws_url, "ws://127.0.0.1:8001")
    lines = [line.strip() for line in shown.splitlines()]
    curl = next(line for line in lines if line.startswith("curl "))
    watch = next(line for line in lines if "services.run.watch" in line)
    watch = watch.replace(sys.executable, ".venv/bin/python")
    assert curl in README
    assert curl in API
    assert watch in README
    assert watch in WEBSOCKET


@needs_proc
async def test_a_process_that_ends_unexpectedly_is_named(redis_url: str) -> None:
    """With REDIS_URL: a killed service is named, and all others are stopped."""
    async with running({"REDIS_URL": redis_url}) as it:
        await it.prints("Press Ctrl-C to stop everything.")
        pids = it.children()
        commands = sorted(command.split(" -m ")[1].split()[0] for command in pids.values())
        assert commands == [
            *("services.api", "services.cards", "services.gateway", "services.ws", "simulator"),
        ]
        os.kill(next(pid for pid in pids if "services.ws" in pids[pid]), signal.SIGKILL)
        status, errors = await it.end()
        assert status == 1
        assert errors.strip().startswith("ws ended unexpectedly (killed by SIGKILL).")
        assert [command for pid, command in pids.items() if alive(pid)] == []


async def test_a_bot_token_that_discord_refuses_is_explained() -> None:
    """With a token there is no simulator, and the gateway's log says what is wrong, once."""
    async with discord() as settings:
        wrong = {**settings, "DISCORD_TOKEN": "OTcwMTEyMzE2MjExMjAwMDA4.wrong.token"}
        async with running(wrong) as it:
            status, errors = await it.end()
    assert status == 1
    assert errors.strip().startswith("gateway ended unexpectedly (exit status 1).")
    assert (it.printed + errors).count("DISCORD_TOKEN is wrong") == 1
    assert wrong["DISCORD_TOKEN"] not in it.printed + errors


async def test_with_a_bot_token_a_member_of_its_servers_is_shown() -> None:
    """The curl line names a user that the bot monitors; the token is not printed."""
    async with discord() as settings, running(settings) as it:
        await it.prints("Press Ctrl-C to stop everything.")
        answer = await fetch(it.line_with("curl ").removeprefix("curl "))
        assert answer["success"] is True
        assert "simulated" not in it.printed
        assert settings["DISCORD_TOKEN"] not in it.printed


@needs_proc
async def test_a_killed_runner_leaves_no_process_behind() -> None:
    """The children end even if the runner cannot stop them."""
    async with running({}) as it:
        await it.prints("Press Ctrl-C to stop everything.")
        pids = it.children()
        assert len(pids) == 7
        it.process.send(signal.SIGKILL)
        async with asyncio.timeout(PATIENCE):
            while any(alive(pid) for pid in pids):
                await asyncio.sleep(0.05)
        await it.end()


async def test_what_users_write_survives_a_restart(tmp_path: Path) -> None:
    """`key` needs no setting beside it. A second runner does not open the same file."""
    for kv in ({}, {"a": "1"}):
        async with running({}, tmp_path) as it:
            await it.prints("Press Ctrl-C to stop everything.")
            api = it.line_with("REST ").split()[1]
            status, key, said = await command(tmp_path, "key", DEMO_USER_ID)
            assert status == 0, said
            headers = {"Authorization": key.strip()}
            assert (await fetch(f"{api}/v1/users/@me", headers))["data"]["kv"] == kv
            async with (
                aiohttp.ClientSession(headers=headers) as http,
                http.put(f"{api}/v1/users/@me/kv/a", data="1") as answer,
            ):
                assert answer.status == 204
            assert (await fetch(f"{api}/v1/users/{DEMO_USER_ID}"))["data"]["kv"] == {"a": "1"}
            with contextlib.chdir(tmp_path):
                other = plan.make_plan(FREE_PORTS)
            assert other.durable is None
            assert other.durable_url.startswith("redis://127.0.0.1:")
            it.process.send(signal.SIGINT)
            assert (await it.end())[0] == 0
    status, _, said = await command(tmp_path, "key", DEMO_USER_ID, env={"REDIS_URL": NOWHERE})
    assert status == 1
    assert "Start Grux with `make run`" in said


async def test_a_redis_that_does_not_answer_is_named() -> None:
    """If REDIS_URL is set, no other Redis is started. Its password is not printed."""
    port = free_port()
    async with running({"REDIS_URL": f"redis://:hunter2@127.0.0.1:{port}/0"}) as it:
        status, errors = await it.end()
    assert status == 1
    assert f"no usable Redis at 127.0.0.1:{port}" in errors
    assert "hunter2" not in it.printed + errors


async def test_a_redis_without_the_database_is_named(redis_url: str) -> None:
    """The reason is the same as that of a service alone."""
    async with running({"REDIS_URL": f"{redis_url.rpartition('/')[0]}/99"}) as it:
        status, errors = await it.end()
    assert status == 1
    assert "Redis does not have the database after the last /" in errors


async def test_a_taken_port_is_named_before_anything_starts() -> None:
    """One line says which port, and what to do about it."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        async with running({"API_PORT": str(port)}) as it:
            status, errors = await it.end()
    assert status == 2
    assert errors == (
        f"API_PORT {port} is in use by another program: stop that program, or set API_PORT to a "
        "free port\n"
    )
    assert it.printed == ""


async def test_a_stop_during_startup_is_no_failure() -> None:
    """A signal before everything runs stops what runs, with status 0."""
    async with running({}) as it:
        await it.prints("listening on")
        it.process.send(signal.SIGTERM)
        status, _ = await it.end()
    assert status == 0
