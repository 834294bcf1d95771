"""deploy/nginx/grux.conf in a real nginx, in front of real processes."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.deploy import site
from tests.deploy.nginx import CONFIGURATION, nginx, program
from tests.deploy.site import Site

BEHIND_ANOTHER = "set_real_ip_from 127.0.0.1; real_ip_header CF-Connecting-IP;"


@asynccontextmanager
async def behind_nginx(folder: Path, more: str = "", **env: str) -> AsyncIterator[Site]:
    program()
    async with (
        site.services(**env) as (stack, ports),
        nginx(folder, ports, more) as port,
        aiohttp.ClientSession() as http,
    ):
        yield Site(stack, port, http)


async def test_it_serves_while_a_process_is_left(tmp_path: Path) -> None:
    async with behind_nginx(tmp_path) as behind:
        await site.it_serves_while_a_process_is_left(behind)


async def test_a_draining_ws_is_skipped(tmp_path: Path) -> None:
    async with behind_nginx(tmp_path, DRAIN_SECONDS="5") as behind:
        await site.a_draining_ws_is_skipped(behind)


async def test_limits_count_the_client(tmp_path: Path) -> None:
    """With another proxy in front of nginx."""
    async with behind_nginx(
        tmp_path, BEHIND_ANOTHER, API_REQUESTS_PER_MINUTE="5", WS_CONNECTIONS_PER_ADDRESS="1"
    ) as behind:
        await site.limits_count_the_client(behind)


def test_every_named_location_is_defined() -> None:
    """nginx itself notices a missing one only when a request leads there."""
    text = CONFIGURATION.read_text()
    used = set(re.findall(r"= (@\w+);", text))
    assert used
    assert used == set(re.findall(r"location (@\w+) \{", text))


def test_the_whole_file_is_accepted(tmp_path: Path) -> None:
    """Unchanged, with certificates."""
    nginx, openssl = program(), shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed, which makes a certificate for it")
    key, certificate = tmp_path / "privkey.pem", tmp_path / "fullchain.pem"
    subprocess.run(
        [
            *(openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    text = CONFIGURATION.read_text()
    text = text.replace("/etc/letsencrypt/live/presence.example.org", str(tmp_path))
    (tmp_path / "grux.conf").write_text(text)
    around = f"pid {tmp_path}/pid; events {{}} http {{ include {tmp_path}/grux.conf; }}"
    (tmp_path / "nginx.conf").write_text(around)
    done = subprocess.run(
        [
            nginx,
            "-t",
            "-q",
            "-e",
            "stderr",
            "-p",
            str(tmp_path),
            "-c",
            str(tmp_path / "nginx.conf"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    wrong = [line for line in done.stderr.splitlines() if "bind()" not in line]
    assert done.returncode == 0, wrong
