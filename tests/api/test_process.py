"""`python -m services.api` as an operator sees it: it starts, fails to start, and stops."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from shared.version import VERSION
from testing.eventually import eventually_async
from testing.process import Process
from tests.api.golden import RICH
from tests.api.http_client import ask

SETTINGS = {
    "API_PORT": "0",
    "PROFILE_SOURCE": "off",
    "REDIS_URL": "redis://127.0.0.1:1",
    "DRAIN_SECONDS": "0",
}


@asynccontextmanager
async def running(**settings: str) -> AsyncIterator[Process]:
    """The process, with these settings and no others."""
    process = await Process.start_module("services.api", env={**SETTINGS, **settings})
    try:
        yield process
    finally:
        await process.kill()


async def port_of(process: Process) -> int:
    """Wait for the lines that say where it listens, and with which settings."""
    at_most = re.compile(r"api: at most [0-9]+ connections$")
    await process.match(at_most.pattern)
    listening, settings, limits = process.stderr[:3]
    found = re.search(r"api: listening on http://127\.0\.0\.1:([0-9]+)$", listening)
    assert found, listening
    assert f"api: version {VERSION}; REDIS_URL=redis://" in settings
    assert at_most.search(limits)
    return int(found[1])


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_well(redis_url: str, ending: signal.Signals) -> None:
    """Some lines at the start, one with the totals at the end, and exit code 0."""
    async with running(REDIS_URL=redis_url) as process:
        port = await port_of(process)
        assert (await ask(port, f"/user/{RICH.user_id}")).status == 404
        ready = await ask(port, "/ready")
        assert (ready.status, ready.header("server")) == (200, None)
        assert await process.stop(ending) == 0
    assert process.stdout == []
    last = process.stderr[-1]
    assert re.search(r"api +INFO +stopped after \d+ s: 2 answers, 0 of them from memory$", last)
    [warning] = [line for line in process.stderr if " INFO " not in line]
    assert "WARNING the durable Redis does not persist" in warning  # that of the tests does not


async def test_answers_under_way_are_finished() -> None:
    """A signal during a request stops the process after the response."""
    with socket.create_server(("127.0.0.1", 0)) as silent:  # a Redis that accepts and says nothing
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}"
        async with running(REDIS_URL=url) as process:
            asked_at_start, _ = await asyncio.to_thread(silent.accept)
            port = await port_of(process)
            asked_at_start.close()
            answer = asyncio.create_task(ask(port, "/ready"))
            connection, _ = await asyncio.to_thread(silent.accept)  # the request has got that far
            process.send(signal.SIGTERM)
            assert (await answer).status == 503
            assert await process.ended() == 0
            connection.close()


async def test_it_tells_load_balancers_before_it_ends(redis_url: str) -> None:
    """/ready says no, and each response closes its connection; a second signal exits at once."""
    async with running(REDIS_URL=redis_url, DRAIN_SECONDS="60") as process:
        port = await port_of(process)
        assert (await ask(port, "/ready")).status == 200
        process.send(signal.SIGTERM)
        await eventually_async(lambda: _is_draining(port))
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET /user/{RICH.user_id} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        answer = await reader.read()  # to the end of the connection, which the server closes
        writer.close()
        assert b" 404 " in answer
        assert b"connection: close" in answer
        assert await process.stop() == 1


async def _is_draining(port: int) -> bool:
    ready = await ask(port, "/ready")
    return ready.status == 503 and b'"draining"' in ready.body


async def test_it_starts_without_redis() -> None:
    """The order in which services start does not matter."""
    async with running() as process:
        assert (await ask(await port_of(process), "/ready")).status == 503


async def test_clients_cannot_fill_the_log() -> None:
    """Requests, garbage and WebSocket handshakes write no line."""
    async with running() as process:
        port = await port_of(process)
        await ask(port, "/nowhere")
        await ask(port, "nonsense", "nonsense", method="\x00")
        handshake = "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: eA=="
        assert (await ask(port, "/health", "Connection: Upgrade", *handshake)).status == 400
        assert await process.stop() == 0
    (last,) = process.stderr[3:]
    assert " stopped after " in last


async def test_a_taken_port() -> None:
    """One line that names the setting, and exit code 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        async with running(API_PORT=port) as process:
            assert await process.ended() == 1
    assert process.output == ""
    assert process.errors == (
        f"api: API_PORT {port} is in use by another program: stop that program, or set API_PORT to "
        "a free port\n"
    )


async def test_a_host_that_is_not_here() -> None:
    """One line that names the setting, and exit code 1."""
    async with running(API_HOST="192.0.2.1") as process:
        assert await process.ended() == 1
    assert re.fullmatch(
        r"api: API_HOST '192\.0\.2\.1' is not an address of this machine \(.+\): set API_HOST .+\n",
        process.errors,
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"API_PORT": "eighty"}, "api: API_PORT must be a whole number"),
        ({"DISCORD_INVITE": "javascript:1"}, "api: DISCORD_INVITE must be a URL that starts with "),
        ({"REDIS_URL": "http://:hunter2@redis"}, "api: REDIS_URL must be a URL that starts with "),
    ],
)
async def test_a_bad_setting(settings: dict[str, str], message: str) -> None:
    """One line that says what the setting takes, never a secret, and exit code 2."""
    async with running(**settings) as process:
        assert await process.ended() == 2
    assert process.output == ""
    assert process.errors.startswith(message)
    assert len(process.stderr) == 1
    assert "hunter2" not in process.errors
