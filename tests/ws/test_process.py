"""`python -m services.ws` as an operator sees it."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from services.ws.limits import WsLimits
from testing.eventually import eventually_async
from testing.free_port import free_port
from testing.process import ROOT, Process
from tests.api.http_client import ask
from tests.ws.ws_fixture import ANNA, Backend, number_of, receive, until_closed


async def start(**settings: str) -> Process:
    quiet = {"PROFILE_SOURCE": "off", "DRAIN_SECONDS": "0", "PYTHONWARNINGS": "error"}
    return await Process.start_module("services.ws", env={**quiet, **settings})


@asynccontextmanager
async def running(**settings: str) -> AsyncIterator[tuple[Process, str]]:
    """The process and the URL that it names."""
    process = await start(WS_PORT="0", **settings)
    try:
        found = await process.match(r"listening on (ws://\S+)")
        yield process, found[1]
    finally:
        await process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_it_in_order(backend: Backend, number: signal.Signals) -> None:
    """SIGTERM and Ctrl-C close clients with 1012; the process ends with 0 and says so."""
    await backend.show(ANNA, 1)
    async with running(REDIS_URL=backend.redis_url) as (process, url):
        async with connect(f"{url}/?user_id={ANNA}") as client:
            assert number_of(await receive(client)) == 1
            await backend.show(ANNA, 2)
            assert number_of(await receive(client)) == 2
            process.send(number)
            assert (await until_closed(client))[1] == 1012
        assert await process.ended() == 0
        assert "Traceback" not in process.errors
        assert "Error" not in process.errors


async def test_a_second_signal_ends_it_at_once(backend: Backend) -> None:
    """An operator who does not wait for the clients sends the signal twice."""
    await backend.show(ANNA, 1)
    async with running(REDIS_URL=backend.redis_url) as (process, url):
        port = int(url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            f"GET /?user_id={ANNA} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        await reader.readuntil(b"initial_data")
        process.send(signal.SIGTERM)
        await process.line_with("closing clients: 1")
        process.send(signal.SIGTERM)
        assert await process.ended() == 1  # 0: the clients had been waited for
        writer.close()


async def test_it_tells_load_balancers_before_it_ends(backend: Backend) -> None:
    """/ready says no and new clients are refused; connected clients get every update."""
    await backend.show(ANNA, 1)
    async with running(REDIS_URL=backend.redis_url, DRAIN_SECONDS="60") as (process, url):
        port = int(url.rpartition(":")[2])
        async with connect(f"{url}/?user_id={ANNA}") as client:
            assert number_of(await receive(client)) == 1
            process.send(signal.SIGTERM)
            await eventually_async(lambda: _is_draining(port))
            assert (await ask(port, "/health")).status == 200
            with pytest.raises(InvalidStatus) as refused:
                await connect(f"{url}/?user_id={ANNA}")
            assert refused.value.response.status_code == 503
            assert b"Connect again" in refused.value.response.body
            await backend.show(ANNA, 2)
            assert number_of(await receive(client)) == 2
            process.send(signal.SIGTERM)  # a second one: at once
            assert await process.ended() == 1


async def _is_draining(port: int) -> bool:
    ready = await ask(port, "/ready")
    return ready.status == 503 and b'"draining"' in ready.body


async def test_clients_are_closed_one_after_another(backend: Backend) -> None:
    """Until its turn comes each of them gets every update."""
    await backend.show(ANNA, 1)
    async with backend.serving(WsLimits(close_interval=1.0)) as ws:
        clients = [await ws.client(ANNA) for _ in range(3)]
        for client in clients:
            await receive(client)
        closing = asyncio.create_task(ws.server.close())
        closed = [asyncio.create_task(until_closed(client)) for client in clients]
        await asyncio.wait(closed, return_when=asyncio.FIRST_COMPLETED)
        await backend.show(ANNA, 2)
        heard = [await each for each in closed]
        await closing
    assert {code for _, code in heard} == {1012}
    assert 2 in [number_of(frame) for frames, _ in heard for frame in frames]


async def test_clients_that_do_not_answer_are_cut_off(backend: Backend) -> None:
    """No client can delay the shutdown for longer than its deadline."""
    await backend.show(ANNA, 1)
    async with backend.serving(WsLimits(shutdown_within=0.1)) as ws:
        raw = await ws.raw(ANNA)
        assert (await raw.frame())[0] == 1
    assert await raw.close_code() == 1012
    assert await raw.ended() == b""
    await raw.hang_up()
    assert ws.counters.connections == 0


async def test_without_uvloop(backend: Backend, tmp_path: Path) -> None:
    """Without uvloop, asyncio's own loop serves as well."""
    (tmp_path / "uvloop.py").write_text("raise ImportError")
    await backend.show(ANNA, 1)
    async with running(REDIS_URL=backend.redis_url, PYTHONPATH=f"{tmp_path}:{ROOT}") as (
        process,
        url,
    ):
        async with connect(f"{url}/?user_id={ANNA}") as client:
            assert number_of(await receive(client)) == 1
            await backend.show(ANNA, 2)
            assert number_of(await receive(client)) == 2
            process.send(signal.SIGTERM)
            assert (await until_closed(client))[1] == 1012
        assert await process.ended() == 0


async def test_the_port_is_taken(backend: Backend) -> None:
    """A taken port ends in one line that names WS_PORT, and exit code 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        process = await start(REDIS_URL=backend.redis_url, WS_PORT=port)
        assert await process.ended() == 1
    assert process.stderr == [
        f"ws: WS_PORT {port} is in use by another program: stop that program, or set WS_PORT to "
        "a free port"
    ]


@pytest.mark.parametrize("host", ["203.0.113.1", "no.such.host.invalid"])
async def test_the_host_is_not_ours(backend: Backend, host: str) -> None:
    """An address that is not this machine's ends in one line that names WS_HOST."""
    process = await start(REDIS_URL=backend.redis_url, WS_HOST=host)
    assert await process.ended() == 1
    assert process.errors.startswith(f"ws: WS_HOST '{host}' is")
    assert len(process.stderr) == 1


async def test_a_setting_that_cannot_be_used() -> None:
    """A bad setting ends in its text, and exit code 2."""
    process = await start(WS_PORT="many")
    assert await process.ended() == 2
    assert "WS_PORT" in process.errors
    assert len(process.stderr) == 1


async def test_redis_is_away() -> None:
    """Without Redis the process starts, warns, and responds."""
    async with running(REDIS_URL=f"redis://127.0.0.1:{free_port()}/0") as (process, url):
        await process.line_with("Redis cannot be reached")
        async with connect(f"{url}/?user_id={ANNA}") as client:
            assert (await until_closed(client))[1] == 1013
        process.send(signal.SIGTERM)
        assert await process.ended() == 0
