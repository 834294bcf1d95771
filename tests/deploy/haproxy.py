"""A real HAProxy with the documented configuration, on its own port."""

from __future__ import annotations

import asyncio
import csv
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from testing.eventually import eventually_async
from testing.free_port import free_port
from testing.haproxy_config import adapted
from testing.process import Process

MASTER = "master.sock"
ADMIN = "admin.sock"


def program() -> str:
    """The path of HAProxy. Skips if it is not installed."""
    found = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip("HAProxy is not installed (Debian: apt install haproxy)")
    return found


class HAProxy:
    """A master process and its worker."""

    def __init__(self, port: int, file: Path, folder: Path, process: Process) -> None:
        self.port = port
        self.process = process
        self._file = file
        self._folder = folder

    async def listens(self) -> bool:
        assert self.process.running, self.process.errors
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except ConnectionError:
            return False
        writer.close()
        return True

    async def counters(self, backend: str, server: str) -> dict[str, str]:
        """Of a server, by HAProxy's names of them."""
        reader, writer = await asyncio.open_unix_connection(self._folder / ADMIN)
        writer.write(b"show stat\n")
        rows = csv.DictReader((await reader.read()).decode().removeprefix("# ").splitlines())
        writer.close()
        (found,) = (row for row in rows if (row["pxname"], row["svname"]) == (backend, server))
        return found

    async def reload(self, servers: Mapping[str, Sequence[str]]) -> None:
        """With other servers. As SIGUSR2 does, but that is lost while the master starts: its worker
        may serve before it has a handler."""
        self._file.write_text(adapted(self.port, self._folder, servers))

        async def told() -> bool:
            try:
                reader, writer = await asyncio.open_unix_connection(self._folder / MASTER)
            except (FileNotFoundError, ConnectionRefusedError):
                return False
            writer.write(b"reload\n")
            await reader.read()
            writer.close()
            return True

        await eventually_async(told)


@asynccontextmanager
async def haproxy(
    folder: Path,
    servers: Mapping[str, Sequence[str]],
    edits: Mapping[str, str] | None = None,
    more: str = "",
) -> AsyncIterator[HAProxy]:
    """`servers`: lines of each backend; `edits`: texts to replace; `more`: sections at the end."""
    command, port, file = program(), free_port(), folder / "haproxy.cfg"
    with tempfile.TemporaryDirectory(
        prefix="grux-haproxy-"
    ) as short:  # as paths of sockets must be
        text = adapted(port, Path(short), servers)
        for old, new in (edits or {}).items():
            assert old in text
            text = text.replace(old, new)
        file.write_text(text + more)
        process = await Process.start(
            command, "-W", "-S", Path(short, MASTER), "-db", "-f", file, name="haproxy"
        )
        proxy = HAProxy(port, file, Path(short), process)
        try:
            await eventually_async(proxy.listens)
            yield proxy
        finally:
            await process.stop()
