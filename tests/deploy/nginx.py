"""A real nginx with the documented configuration, on its own port."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from services.run.child_process import end_with_parent
from testing.eventually import eventually_async
from testing.free_port import free_port

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "nginx" / "grux.conf"

AROUND = """
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log info;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {more}
    include {folder}/grux.conf;
}}
"""


def program() -> str:
    """The path of nginx. Skips if it is not installed."""
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip("nginx is not installed (Debian: apt install nginx-light)")
    return found


def adapted(port: int, processes: dict[int, int]) -> str:
    """The configuration with one plain port instead of 80 and 443, and real ports of processes."""
    text = CONFIGURATION.read_text()
    first, second = (found.start() for found in re.finditer(r"^server \{", text, re.MULTILINE))
    text = text[:first] + text[second:]  # without the server that only redirects to HTTPS
    text = re.sub(r"^ *(listen \[|ssl_).*\n", "", text, flags=re.MULTILINE)
    text, listens = re.subn(r"listen 443 ssl;", f"listen 127.0.0.1:{port};", text)
    assert listens == 1
    for documented, real in processes.items():
        text, found = re.subn(rf"127\.0\.0\.1:{documented}\b", f"127.0.0.1:{real}", text)
        assert found == 1
    return text


@asynccontextmanager
async def nginx(folder: Path, processes: dict[int, int], more: str = "") -> AsyncIterator[int]:
    """Yields the port. `processes`: real by documented ports; `more`: lines of the http block."""
    command, port = program(), free_port()
    (folder / "grux.conf").write_text(adapted(port, processes))
    (folder / "nginx.conf").write_text(AROUND.format(folder=folder, more=more))
    process = _launch(command, folder)

    async def listens() -> bool:
        assert process.poll() is None, (folder / "stderr").read_text()
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionError:
            return False
        writer.close()
        return True

    try:
        await eventually_async(listens)
        yield port
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait)


def _launch(command: str, folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "stderr").open("wb") as stderr:
        return subprocess.Popen(
            [command, "-p", str(folder), "-e", "stderr", "-c", str(folder / "nginx.conf")],
            stdin=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
            preexec_fn=end_with_parent,  # noqa: PLW1509 (it takes no lock that a thread may hold)
        )
