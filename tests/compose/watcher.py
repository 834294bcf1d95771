"""A WebSocket client like that of a web page: it reconnects whenever it is disconnected."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException


class Watcher:
    """The current state of one user, assembled from its frames."""

    def __init__(self) -> None:
        self.state: dict[str, Any] = {}
        self.connected = 0
        self.codes: list[int | None] = []  # close codes of its connections

    @property
    def text(self) -> str | None:
        """The user's custom status."""
        status = self.state.get("custom_status")
        return status["text"] if status else None

    async def run(self, url: str) -> None:
        """Run until cancelled."""
        while True:
            with contextlib.suppress(WebSocketException, OSError, TimeoutError):
                async with connect(url, proxy=None, open_timeout=15) as connection:
                    self.connected += 1
                    with contextlib.suppress(WebSocketException):
                        async for message in connection:
                            self.state.update(msgspec.json.decode(message)["d"])
                    self.codes.append(connection.close_code)
            await asyncio.sleep(0.1)


@asynccontextmanager
async def watching(url: str, count: int) -> AsyncIterator[list[Watcher]]:
    """`count` watchers, until the block ends."""
    watchers = [Watcher() for _ in range(count)]
    tasks = [asyncio.create_task(watcher.run(url)) for watcher in watchers]
    try:
        yield watchers
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
