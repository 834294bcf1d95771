"""The Node.js process that runs the clients: what each of them shows, and what it is told to do."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec

from testing.eventually import eventually
from tests.lanyard_clients.prepare import HERE

LONGEST_LINE: Final = 1 << 20

Json = dict[str, Any]


class NodeClients:
    """Created by `running_clients`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.seen: dict[str, list[Json]] = {}  # by client, in order

    async def read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            said = msgspec.json.decode(line)
            self.seen.setdefault(said["client"], []).append(said)

    def do(self, verb: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{verb}\n".encode())

    def last(self, client: str) -> Json | None:
        return self.seen[client][-1] if client in self.seen else None

    async def until(self, client: str, holds: Callable[[Any], bool]) -> Any:
        """Wait until the client's newest data meets the condition."""

        def found() -> bool:
            last = self.last(client)
            return last is not None and last["data"] is not None and holds(last["data"])

        await eventually(found)
        last = self.last(client)
        assert last is not None
        return last["data"]

    async def error(self, client: str) -> str:
        await eventually(lambda: self.last(client) is not None)
        last = self.last(client)
        assert last is not None
        assert last["error"] is not None, last
        return str(last["error"])


@asynccontextmanager
async def running_clients(**env: str) -> AsyncIterator[NodeClients]:
    process = await asyncio.create_subprocess_exec(
        *("node", "clients.mjs"),
        cwd=HERE,
        env={**env, "PATH": os.environ["PATH"]},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LONGEST_LINE,
    )
    clients = NodeClients(process)
    reading = asyncio.create_task(clients.read())
    try:
        await clients.until("ready", bool)
        yield clients
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        reading.cancel()
