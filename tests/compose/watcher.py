"""A WebSocket client as a web page has one: it comes again whenever it is cut off."""

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
    """What the frames of one user add up to."""

    def __init__(self) -> None:
        self.state: dict[str, Any] = {}
        self.connected = 0
        self.codes: list[int | None] = []  # with which its connections ended

    @property
    def text(self) -> str | None:
        """The custom status."""
        status = self.state.get("custom_status")
        return status["text"] if status else None

    async def run(self, url: str) -> None:
        """Until cancelled."""
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
    """So many of them, as long as the block runs."""
    watchers = [Watcher() for _ in range(count)]
    tasks = [asyncio.create_task(watcher.run(url)) for watcher in watchers]
    try:
        yield watchers
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
