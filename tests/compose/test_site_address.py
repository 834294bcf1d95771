"""SITE_ADDRESS alone gives https and wss. Runs last, because it leaves the name in place."""

from __future__ import annotations

import asyncio
import ssl
import time

import aiohttp
import pytest
from msgspec import Struct
from websockets.asyncio.client import ClientConnection, connect

from testing.eventually import PATIENCE, eventually_async
from tests.compose import pebble
from tests.compose.project import XENIA, Project
from tests.compose.test_demo import say

NAME = "presence.example.org"


class Site(Struct, frozen=True):
    """A front door with a name, whose certificates Pebble issues."""

    project: Project
    trusted: ssl.SSLContext

    async def watch(self) -> ClientConnection:
        """Raises OSError without a valid certificate."""
        return await connect(
            f"wss://{NAME}/?user_id={XENIA}",
            host="127.0.0.1",
            port=self.project.https_port,
            ssl=self.trusted,
            proxy=None,
        )

    async def opened(self) -> ClientConnection:
        """A WebSocket, as soon as there is a valid certificate."""

        async def attempt() -> ClientConnection | None:
            try:
                return await self.watch()
            except OSError:  # refused, or the handshake failed
                return None

        socket = await eventually_async(attempt)
        assert socket is not None
        return socket


@pytest.fixture(scope="module")
def with_pebble(started: Project) -> tuple[Project, str, str]:
    """The project, its compose files with those of Pebble, and the certificate of Pebble's root."""
    files = f"{started.env['COMPOSE_FILE']}:{pebble.compose_file(started)}"
    started.env["COMPOSE_FILE"] = files
    started.compose("up", "--detach", "pebble")
    deadline = time.monotonic() + PATIENCE
    while not (root := pebble.root_certificate(started)):
        assert time.monotonic() < deadline, started.compose("logs", "pebble")
    return started, files, root


@pytest.fixture(scope="module", params=["haproxy", "caddy"])
def site(request: pytest.FixtureRequest, with_pebble: tuple[Project, str, str]) -> Site:
    """HAProxy first: it gets its certificate from nothing, and Caddy finds it and renews it."""
    project, files, root = with_pebble
    door = str(request.param)
    ports = f"127.0.0.1:{project.port}:80", f"127.0.0.1:{project.https_port}:443"
    # 80 and 443 may be in use where this is tested. Pebble has to reach the name.
    file = project.folder / f"{door}.yml"
    file.write_text(
        f"services: {{{door}: {{ports: !override {list(ports)}, "
        f"networks: {{web: {{aliases: [{NAME}]}}}}}}}}\n"
    )
    project.env |= {"COMPOSE_FILE": f"{files}:{file}", "SITE_ADDRESS": NAME}
    project.open(door)
    return Site(project, ssl.create_default_context(cadata=root))


def serial(socket: ClientConnection) -> str:
    """Of the certificate that the server has shown."""
    shown: ssl.SSLObject = socket.transport.get_extra_info("ssl_object")
    return str((shown.getpeercert() or {})["serialNumber"])


async def test_a_name_is_enough(site: Site) -> None:
    """The certificate is valid for the name, http redirects, and pages use wss."""
    socket = await site.opened()
    assert '"initial_data"' in str(await socket.recv())
    await socket.close()
    url = f"https://127.0.0.1:{site.project.https_port}"
    async with aiohttp.ClientSession(headers={"Host": NAME}) as http:
        async with http.get(f"{site.project.url}/user/1", allow_redirects=False) as answer:
            assert answer.status == 308
            assert answer.headers["Location"] == f"https://{NAME}/user/1"

        async def page() -> str:
            html = {"Accept": "text/html"}
            asked = http.get(url, headers=html, ssl=site.trusted, server_hostname=NAME)
            try:
                async with asked as answer:
                    assert answer.status == 200
                    return await answer.text()
            except aiohttp.ClientConnectorError:  # the certificate has just expired
                return ""

        assert f"wss://{NAME}" in await eventually_async(page)


async def test_a_certificate_is_renewed(site: Site) -> None:
    """New clients get the new one, and an open WebSocket goes on."""
    before = await site.opened()

    async def renewed() -> bool:
        after = await site.opened()
        await after.close()
        return serial(after) != serial(before)

    await eventually_async(renewed)
    await asyncio.to_thread(say, site.project, f"behind a new certificate {serial(before)}")
    async with asyncio.timeout(PATIENCE):
        while f"behind a new certificate {serial(before)}" not in str(await before.recv()):
            pass
    await before.close()
