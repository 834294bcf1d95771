"""deploy/haproxy/haproxy.cfg in a real HAProxy, in front of real processes."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

from testing.eventually import eventually_async
from testing.free_port import free_port
from testing.haproxy_config import CONFIGURATION
from testing.process import ROOT
from tests.deploy import site
from tests.deploy.haproxy import haproxy, program
from tests.deploy.haproxy_container import echo, replica
from tests.deploy.site import Site

ADDRESS = "http-request set-header X-Forwarded-For %[src]"
BEHIND_ANOTHER = {ADDRESS: f"http-request set-src req.hdr(CF-Connecting-IP)\n    {ADDRESS}"}


@asynccontextmanager
async def behind_haproxy(
    folder: Path, edits: dict[str, str] | None = None, **env: str
) -> AsyncIterator[Site]:
    program()
    async with site.services(**env) as (stack, ports), aiohttp.ClientSession() as http:
        servers = {
            name: [f"server {one} 127.0.0.1:{ports[one]}" for one in documented]
            for name, documented in {
                "api": (8000, 8010),
                "ws": (8001, 8011),
                "cards": (8002,),
            }.items()
        }
        async with haproxy(folder, servers, edits) as proxy:
            yield Site(stack, proxy.port, http)


async def test_it_serves_while_a_process_is_left(tmp_path: Path) -> None:
    async with behind_haproxy(tmp_path) as behind:
        await site.it_serves_while_a_process_is_left(behind)


async def test_a_draining_ws_is_skipped(tmp_path: Path) -> None:
    async with behind_haproxy(tmp_path, DRAIN_SECONDS="5") as behind:
        await site.a_draining_ws_is_skipped(behind)


async def test_limits_count_the_client(tmp_path: Path) -> None:
    """With another proxy in front of HAProxy."""
    async with behind_haproxy(
        tmp_path, BEHIND_ANOTHER, API_REQUESTS_PER_MINUTE="5", WS_CONNECTIONS_PER_ADDRESS="1"
    ) as behind:
        await site.limits_count_the_client(behind)


async def test_a_reload_keeps_websockets(tmp_path: Path) -> None:
    """The new configuration applies to new requests, and an open WebSocket goes on."""
    port = free_port()
    program()
    async with AsyncExitStack() as parts:
        for host in ("127.0.0.2", "127.0.0.3"):
            listening = serve(echo, host, port, process_request=replica(host))
            await parts.enter_async_context(listening)

        def at(host: str) -> dict[str, Sequence[str]]:
            return {name: [f"server {name} {host}:{port}"] for name in ("api", "ws", "cards")}

        proxy = await parts.enter_async_context(haproxy(tmp_path, at("127.0.0.2")))
        http = await parts.enter_async_context(aiohttp.ClientSession())
        socket = await parts.enter_async_context(
            connect(f"ws://127.0.0.1:{proxy.port}/", proxy=None)
        )

        async def goes_on(text: str) -> None:
            await socket.send(text)
            assert await socket.recv() == text

        await goes_on("before")
        await proxy.reload(at("127.0.0.3"))

        async def reloaded() -> bool:
            url, headers = f"http://127.0.0.1:{proxy.port}/user/1", {"Connection": "close"}
            async with http.get(url, headers=headers) as answer:
                assert answer.status == 200
                return (await answer.text()).startswith("127.0.0.3 ")

        await eventually_async(reloaded)
        await goes_on("after")


async def test_a_process_that_is_late_to_accept_is_not_taken_for_down(tmp_path: Path) -> None:
    """As ws is while thousands of clients come back at once."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as late, ExitStack() as clients:
        port = late.getsockname()[1]
        for _ in range(4):  # its queue is full
            client = clients.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))
        async with serve(echo, "127.0.0.1", 0, process_request=replica("127.0.0.1")) as checked:
            (healthy,) = {one.getsockname()[1] for one in checked.sockets}
            line = f"server late 127.0.0.1:{port} port {healthy}"
            servers = {name: [line] for name in ("api", "ws", "cards")}
            soon = {"timeout connect 1s": "timeout connect 100ms"}
            async with haproxy(tmp_path, servers, soon) as proxy, aiohttp.ClientSession() as http:
                async with http.get(f"http://127.0.0.1:{proxy.port}/user/1") as answer:
                    assert answer.status == 503
                counted = await proxy.counters("api", "late")
                assert int(counted["econ"]) or int(counted["wretr"])
                assert counted["chkdown"] == "0"


async def test_the_error_while_nothing_runs(tmp_path: Path) -> None:
    """The same as the included Caddy's: JSON that pages can read."""
    nowhere = [f"server only 127.0.0.1:{free_port()}"]
    servers = {"api": nowhere, "ws": nowhere, "cards": nowhere}
    text = (ROOT / "deploy" / "Caddyfile").read_text()
    (body,) = re.findall(r"respond `(.*)` 503", text)
    async with haproxy(tmp_path, servers) as proxy, aiohttp.ClientSession() as http:
        for path in ("/user/1", "/card/1.svg", "/events"):
            async with http.get(f"http://127.0.0.1:{proxy.port}{path}") as answer:
                assert answer.status == 503
                assert await answer.text() == body
                assert answer.content_type == "application/json"
                assert answer.headers["Access-Control-Allow-Origin"] == "*"
                assert answer.headers["Cache-Control"] == "no-store"
                assert answer.headers["Retry-After"] == "2"


def test_the_whole_file_is_accepted(tmp_path: Path) -> None:
    """Unchanged, with a certificate."""
    command, openssl = program(), shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed, which makes a certificate for it")
    key, certificate = tmp_path / "key.pem", tmp_path / "chain.pem"
    subprocess.run(
        [
            *(openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    (tmp_path / "site.pem").write_text(certificate.read_text() + key.read_text())
    file = tmp_path / "haproxy.cfg"
    text = CONFIGURATION.read_text().replace("/etc/haproxy/site.pem", str(tmp_path / "site.pem"))
    text = text.replace("/run/haproxy/", f"{tmp_path}/")
    text = re.sub(r"^ *(user|group) .*\n", "", text, flags=re.MULTILINE)  # the package makes them
    file.write_text(text)
    done = subprocess.run([command, "-c", "-f", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
