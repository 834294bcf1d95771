"""Many live WebSockets on one machine: memory, CPU at rest, a change for all, a rolling restart."""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from statistics import median
from typing import Any

from msgspec import Struct

from bench import people, table
from bench.child import ProcessFailed
from bench.figures import Figure
from bench.harness import Harness
from bench.scale import crowds
from bench.scale.crowds import Crowds, Layout

ROW = "sockets"


class SocketsPlan(Struct, frozen=True, kw_only=True):
    """How much is done with the sockets. Times are in seconds."""

    rest: float = 20.0  # each client is pinged once
    changes: int = 5
    settles: float = 2.0
    change_every: float = 10.0  # during the restart
    hold_within: float = 300.0  # that all clients have the newest state


async def run(harness: Harness, layout: Layout, plan: SocketsPlan) -> list[Figure]:
    """Raises ProcessFailed if a client lacks a change, with all of them connected."""
    async with harness.redis(None) as redis, crowds.running(harness, redis, layout) as all_of_it:
        await people.admit(redis.store, 1)
        return await _Run(all_of_it, plan).figures()


class _Run:
    """One run; the changes are numbered."""

    def __init__(self, running: Crowds, plan: SocketsPlan) -> None:
        self._crowds = running
        self._plan = plan
        self._sockets = running.layout.sockets
        self._numbers = itertools.count(1)

    async def figures(self) -> list[Figure]:
        found: list[Figure] = []
        for part in (self._open, self._rest, self._fan_out, self._restart):
            more = await part()
            for figure in more:  # a run that is stopped has shown what it had
                _say(f"{figure.name}: {table.number(figure.value)} {figure.unit}")
            found += more
        return found

    async def _open(self) -> list[Figure]:
        memory, cpu, began = self._crowds.memory(), self._crowds.cpu(), time.monotonic()
        await self._crowds.open(people.FIRST)
        seconds = time.monotonic() - began
        await asyncio.sleep(self._plan.settles)
        spent = _since(cpu, self._crowds.cpu())
        after = self._crowds.memory()
        grown = _since(memory, after)
        _say(f"{self._sockets:,} sockets are open after {seconds:.0f} s")
        return [
            self._figure("memory a socket, all of it", "KB", sum(grown.values()) / 1000),
            *(
                self._figure(
                    f"memory a socket, {name}",
                    "KB",
                    grown[name] / 1000,
                    f"{self._count(name)}{after[name] / 1e6:,.0f} MB",
                )
                for name in grown
            ),
            *(self._figure(f"CPU of a connect, {name}", "µs", spent[name] * 1e6) for name in spent),
        ]

    async def _rest(self) -> list[Figure]:
        cpu, began = self._crowds.cpu(), time.monotonic()
        await asyncio.sleep(self._plan.rest)
        seconds = time.monotonic() - began
        spent = _since(cpu, self._crowds.cpu())
        return [
            Figure(
                row=ROW,
                name=f"{self._sockets:,} sockets at rest, CPU of {name} a second",
                unit="ms",
                value=spent[name] / seconds * 1000,
            )
            for name in spent
        ]

    async def _fan_out(self) -> list[Figure]:
        times, cpu = [], self._crowds.cpu()
        for _ in range(self._plan.changes):
            number, began = await self._change()
            answers = await self._all_hold(number)
            times.append(max(answer["last_ns"] for answer in answers) / 1e9 - began)
        spent = _since(cpu, self._crowds.cpu())
        return [
            Figure(
                row=ROW,
                name=f"a change for all {self._sockets:,} sockets, until the last has it",
                unit="ms",
                value=median(times) * 1000,
                note=f"{min(times) * 1000:,.0f} to {max(times) * 1000:,.0f} ms",
            ),
            *(
                self._figure(
                    f"CPU of a frame, {name}", "µs", spent[name] / self._plan.changes * 1e6
                )
                for name in spent
            ),
        ]

    async def _restart(self) -> list[Figure]:
        """Of each ws, the next one when all clients of the one before are back."""
        ports = self._crowds.ws.running
        before, away = await self._crowds.ask("hold -1 0"), []
        began = time.monotonic()
        async with self._changing():
            for port in ports:
                await self._crowds.replace(port)
                away += await self._hold(-1)
                _say(f"a ws is replaced, {time.monotonic() - began:.0f} s after the first began")
        seconds = time.monotonic() - began
        number, _ = await self._change()
        after = await self._hold(number)

        def more(key: str) -> int:
            return sum(int(answer[key]) for answer in after) - sum(
                int(answer[key]) for answer in before
            )

        lost = self._sockets - sum(answer["holding"] for answer in after)
        return [
            Figure(
                row=ROW,
                name=f"a rolling restart of {len(ports)} ws",
                unit="s",
                value=seconds,
                note=f"{more('returned'):,} clients returned, {more('refused'):,} attempts failed",
            ),
            Figure(
                row=ROW,
                name="from the end of a connection to the next initial_data",
                unit="ms",
                value=median(answer["p50"] for answer in away) / 1000,
                note=f"the longest {max(answer['max'] for answer in away) / 1000:,.0f} ms",
            ),
            self._outcome("clients without the newest state after it", lost),
            self._outcome("changes that went back to an older state", more("back")),
            Figure(
                row=ROW,
                name="changes that slow clients skipped meanwhile",
                unit="count",
                value=more("skipped"),
            ),
        ]

    @asynccontextmanager
    async def _changing(self) -> AsyncIterator[None]:
        """The user changes again and again while the block runs."""

        async def change() -> None:
            while True:
                await self._change()
                await asyncio.sleep(self._plan.change_every)

        task = asyncio.create_task(change())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _change(self) -> tuple[int, float]:
        """Its number, and the monotonic time before it was saved."""
        number, began = next(self._numbers), time.monotonic()
        await people.change(self._crowds.redis.store, people.FIRST, number)
        return number, began

    async def _hold(self, number: int) -> list[dict[str, Any]]:
        """What the client processes answer, when all clients have the change or it is late."""
        return await self._crowds.ask(f"hold {number} {self._plan.hold_within * 1000:.0f}")

    async def _all_hold(self, number: int) -> list[dict[str, Any]]:
        """Likewise. Raises ProcessFailed if a client lacks the change."""
        answers = await self._hold(number)
        holding = sum(answer["holding"] for answer in answers)
        if holding != self._sockets:
            raise ProcessFailed(
                f"only {holding:,} of {self._sockets:,} clients have the newest state after "
                f"{self._plan.hold_within:.0f} s"
            )
        return answers

    def _figure(self, what: str, unit: Any, total: float, note: str = "") -> Figure:
        """A share of a socket."""
        return Figure(
            row=ROW,
            name=f"{self._sockets:,} sockets, {what}",
            unit=unit,
            value=total / self._sockets,
            note=note,
        )

    def _outcome(self, what: str, count: int) -> Figure:
        return Figure(row=ROW, name=what, unit="count", value=count, goal=0)

    def _count(self, name: str) -> str:
        processes = len(self._crowds.parts.get(name, ()))
        return f"{processes} processes, " if processes > 1 else ""


def _since(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    return {name: after[name] - before[name] for name in before}


def _say(what: str) -> None:
    print(f"scale: {what}", file=sys.stderr)
