"""`python -m services.api` as an operator sees it: it starts, fails to start, and stops."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from testing.eventually import PATIENCE, eventually_async
from tests.api.golden import RICH
from tests.api.http_client import ask

ROOT = Path(__file__).parents[2]
SETTINGS = {
    "API_PORT": "0",
    "PROFILE_SOURCE": "off",
    "REDIS_URL": "redis://127.0.0.1:1",
    "DRAIN_SECONDS": "0",
}


@asynccontextmanager
async def running(folder: Path, **settings: str) -> AsyncIterator[Process]:
    """The process, in a folder without a .env file and with no other settings."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "services.api"),
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), **SETTINGS, **settings},
        stdout=PIPE,
        stderr=PIPE,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def port_of(process: Process) -> int:
    """Waits for the lines that say where it listens, and with which settings."""
    assert process.stderr is not None
    line = (await process.stderr.readline()).decode()
    found = re.search(r"api: listening on http://127\.0\.0\.1:([0-9]+)\n", line)
    assert found, line
    assert b"api: REDIS_URL=redis://" in await process.stderr.readline()
    assert re.search(rb"api: at most [0-9]+ connections\n", await process.stderr.readline())
    return int(found[1])


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_well(
    tmp_path: Path, redis_url: str, ending: signal.Signals
) -> None:
    """Some lines at the start, one with the totals at the end, and exit code 0."""
    async with running(tmp_path, REDIS_URL=redis_url) as process:
        port = await port_of(process)
        assert (await ask(port, f"/user/{RICH.user_id}")).status == 404
        ready = await ask(port, "/ready")
        assert (ready.status, ready.header("server")) == (200, None)
        process.send_signal(ending)
        out, err = await process.communicate()
    assert (process.returncode, out) == (0, b"")
    last = err.decode().splitlines()[-1]
    assert re.search(r"api +INFO +stopped after \d+ s: 2 answers, 0 of them from memory$", last)
    assert not [line for line in err.decode().splitlines() if " INFO " not in line]


async def test_answers_under_way_are_finished(tmp_path: Path) -> None:
    """A signal during a request stops the process after the response."""
    with socket.create_server(("127.0.0.1", 0)) as silent:  # a Redis that accepts and says nothing
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}"
        async with running(tmp_path, REDIS_URL=url) as process:
            asked_at_start, _ = await asyncio.to_thread(silent.accept)
            port = await port_of(process)
            asked_at_start.close()
            answer = asyncio.create_task(ask(port, "/ready"))
            connection, _ = await asyncio.to_thread(silent.accept)  # the request has got that far
            process.send_signal(signal.SIGTERM)
            assert (await answer).status == 503
            assert await process.wait() == 0
            connection.close()


async def test_it_tells_load_balancers_before_it_ends(tmp_path: Path, redis_url: str) -> None:
    """/ready says no, and each response closes its connection; a second signal exits at once."""
    async with running(tmp_path, REDIS_URL=redis_url, DRAIN_SECONDS="60") as process:
        port = await port_of(process)
        assert (await ask(port, "/ready")).status == 200
        process.send_signal(signal.SIGTERM)
        await eventually_async(lambda: _is_draining(port))
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET /user/{RICH.user_id} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        answer = await reader.read()  # to the end of the connection, which the server closes
        writer.close()
        assert b" 404 " in answer
        assert b"connection: close" in answer
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 1


async def _is_draining(port: int) -> bool:
    ready = await ask(port, "/ready")
    return ready.status == 503 and b'"draining"' in ready.body


async def test_it_starts_without_redis(tmp_path: Path) -> None:
    """The order in which services start does not matter."""
    async with running(tmp_path) as process:
        assert (await ask(await port_of(process), "/ready")).status == 503


async def test_clients_cannot_fill_the_log(tmp_path: Path) -> None:
    """Requests, garbage and WebSocket handshakes write no line."""
    async with running(tmp_path) as process:
        port = await port_of(process)
        await ask(port, "/nowhere")
        await ask(port, "nonsense", "nonsense", method="\x00")
        handshake = "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: eA=="
        assert (await ask(port, "/health", "Connection: Upgrade", *handshake)).status == 200
        process.terminate()
        _, err = await process.communicate()
    (last,) = err.decode().splitlines()
    assert " stopped after " in last


async def test_a_taken_port(tmp_path: Path) -> None:
    """One line that names the setting, and exit code 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        async with running(tmp_path, API_PORT=port) as process:
            out, err = await process.communicate()
    assert process.returncode == 1
    assert out == b""
    assert err.decode() == (
        f"api: API_PORT {port} is in use by another program: stop that program, or set API_PORT to "
        "a free port\n"
    )


async def test_a_host_that_is_not_here(tmp_path: Path) -> None:
    """One line that names the setting, and exit code 1."""
    async with running(tmp_path, API_HOST="192.0.2.1") as process:
        _, err = await process.communicate()
    assert process.returncode == 1
    assert re.fullmatch(
        r"api: API_HOST '192\.0\.2\.1' is not an address of this machine \(.+\): set API_HOST .+\n",
        err.decode(),
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"API_PORT": "eighty"}, "api: API_PORT must be a whole number"),
        ({"DISCORD_INVITE": "javascript:1"}, "api: DISCORD_INVITE must be a URL that starts with "),
        ({"REDIS_URL": "http://:hunter2@redis"}, "api: REDIS_URL must be a URL that starts with "),
    ],
)
async def test_a_bad_setting(tmp_path: Path, settings: dict[str, str], message: str) -> None:
    """One line that says what the setting takes, never a secret, and exit code 2."""
    async with running(tmp_path, **settings) as process:
        out, err = await process.communicate()
    assert process.returncode == 2
    assert out == b""
    assert err.decode().startswith(message)
    assert err.decode().count("\n") == 1
    assert b"hunter2" not in err
