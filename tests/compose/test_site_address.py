"""SITE_ADDRESS alone gives https and wss. Runs last, because it leaves the name in place."""

from __future__ import annotations

import ssl
from pathlib import Path

import aiohttp
from websockets.asyncio.client import connect

from tests.compose.project import XENIA, Project

NAME = "grux.localhost"  # Caddy issues certificates for such names itself
AUTHORITY = "/data/caddy/pki/authorities/local/root.crt"


async def test_a_name_is_enough(project: Project, tmp_path: Path) -> None:
    """The certificate is valid for the name, http redirects, and pages use wss."""
    ports = f"127.0.0.1:{project.port}:80", f"127.0.0.1:{project.https_port}:443"
    elsewhere = tmp_path / "ports.yml"  # 80 and 443 may be in use where this is tested
    elsewhere.write_text(f"services: {{caddy: {{ports: !override {list(ports)}}}}}\n")
    files = f"{project.env['COMPOSE_FILE']}:{elsewhere}"
    settings = {"SITE_ADDRESS": NAME, "COMPOSE_FILE": files}
    project.compose("up", "--detach", "--wait", settings=settings)

    (caddy,) = project.containers("caddy")
    trusted = ssl.create_default_context(cadata=project.inside(caddy, "cat", AUTHORITY))
    url = f"https://127.0.0.1:{project.https_port}"
    async with aiohttp.ClientSession(headers={"Host": NAME}) as http:
        async with http.get(f"{project.url}/user/1", allow_redirects=False) as answer:
            assert answer.status == 308
            assert answer.headers["Location"] == f"https://{NAME}/user/1"
        page = http.get(url, ssl=trusted, server_hostname=NAME, headers={"Accept": "text/html"})
        async with page as answer:
            assert answer.status == 200
            assert f"wss://{NAME}" in await answer.text()
    async with connect(
        f"wss://{NAME}/?user_id={XENIA}",
        host="127.0.0.1",
        port=project.https_port,
        ssl=trusted,
        proxy=None,
    ) as socket:
        assert '"initial_data"' in str(await socket.recv())
