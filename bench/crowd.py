"""Sockets in large numbers: ws with its watchers, and the C floor with as many."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from msgspec import Struct

from bench import frames, kernel, people
from bench.child import BenchProcess, ProcessFailed
from bench.harness import Harness, Redis
from testing.free_port import free_port

WITHIN = 60_000  # ms that any wait for sockets or frames may take


class SocketCrowd(Struct, frozen=True):
    """A server and the clients of its own."""

    server: BenchProcess
    watchers: BenchProcess
    port: int
    beside: tuple[BenchProcess, ...] = ()  # what else works for these clients, such as a proxy

    def cpu(self) -> float:
        """Seconds of CPU time so far, of all that works for these clients."""
        return sum(process.cpu() for process in (self.server, *self.beside))

    def memory(self) -> int:
        """Bytes, likewise."""
        return sum(process.memory() for process in (self.server, *self.beside))

    async def open(self, count: int, first: int = people.FIRST, step: int = 0) -> dict[str, Any]:
        """So many more clients; client i watches user `first` + i * `step`. Latencies in µs."""
        opened = await self.watchers.ask(f"open {count} {first} {step}")
        if opened["samples"] != count:
            raise ProcessFailed(
                f"{self.server.name}: {opened['samples']} of {count} clients were greeted"
            )
        return opened

    async def burst(
        self, send: Callable[[], Awaitable[None]], messages: int, sockets: int
    ) -> tuple[float, float]:
        """CPU and wall time, in seconds, of so many messages, one after the other.

        A message is sent when all have the one before, so that none is skipped.
        """
        await self.watchers.ask("mark")
        cpu, began = self.cpu(), time.monotonic()
        for number in range(1, messages + 1):
            await send()
            seen = await self.watchers.ask(f"await {number * sockets} {WITHIN}")
            if seen["frames"] != number * sockets:
                raise ProcessFailed(
                    f"{self.server.name}: {seen['frames']} of {number * sockets} frames"
                )
        return self.cpu() - cpu, time.monotonic() - began


@asynccontextmanager
async def of_ws(
    harness: Harness,
    redis: Redis,
    *,
    modest: bool = False,
    lanyard: bool = False,
    events: bool = False,
) -> AsyncIterator[SocketCrowd]:
    """ws without clients. `modest` clients leave their core to a probe; those of `lanyard` speak
    Lanyard's dialect, and those of `events` read event streams."""
    port = free_port()
    manners = {"modest": modest, "lanyard": lanyard, "events": events}
    how = [name for name, asked in manners.items() if asked]
    async with (
        harness.service("ws", redis, WS_PORT=str(port)) as ws,
        harness.program("watchers", port, *how) as watchers,
    ):
        yield SocketCrowd(ws, watchers, port)


@asynccontextmanager
async def of_floor(harness: Harness) -> AsyncIterator[SocketCrowd]:
    """A C server that greets with the frame of ws, and writes it for each line of its stdin."""
    frame = harness.folder / "frame"
    frame.write_bytes(frames.presence_update(people.FIRST, 0))
    async with harness.program("floor", frame, core=kernel.SERVER_CORE) as floor:
        port = int(await floor.line())
        async with harness.program("watchers", port) as watchers:
            yield SocketCrowd(floor, watchers, port)
