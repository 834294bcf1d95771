"""Many users who change all the time, half of them watched: lag, and memory that does not grow.

Discord's simulation, gateway, Redis, ws and the clients all run on this machine.
"""

from __future__ import annotations

import asyncio
import math
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from statistics import median
from typing import Any, Final

from msgspec import Struct

from bench import ingestion, people
from bench.child import BenchProcess
from bench.figures import Figure
from bench.harness import Harness, Redis
from bench.ingestion import Ingestion
from bench.scale.crowds import Measured, returning
from testing.free_port import free_port

ROW = "changes"
STEP: Final = 2  # every second user is watched, so that the load is even
MARK: Final = '"details":"round '  # in front of the number of a change of bench/discord.py
RETURN_AFTER_MS: Final = 1000
READY_WITHIN_S: Final = 120.0
LATE_S: Final = 30.0  # that the last frames of a minute may be late
GROWTH: Final = 1.05  # of memory at most


class ChangesPlan(Struct, frozen=True, kw_only=True):
    """Each user changes once a minute, in turn."""

    users: int
    minutes: int
    minute: float = 60.0  # seconds
    ws: int = 3


class _Minute(Struct, frozen=True):
    """What was measured in one. Ages in ms, memory in bytes, CPU in seconds."""

    p50: float
    p99: float
    longest: float
    missing: int  # frames that did not come in time, or were left out for newer ones
    memory: Mapping[str, int]
    cpu: Mapping[str, float]
    seconds: float

    @property
    def words(self) -> str:
        return (
            f"p50 {self.p50:.1f} ms, p99 {self.p99:.1f} ms, longest {self.longest:,.0f} ms, "
            f"missing {self.missing:,}"
        )


async def run(harness: Harness, plan: ChangesPlan) -> list[Figure]:
    async with _running(harness, plan) as running:
        await running.warm()
        minutes = []
        for number in range(1, plan.minutes + 1):
            minutes.append(await running.once(math.ceil(plan.users / plan.minute)))
            _say(f"minute {number}: {minutes[-1].words}")
        await running.ingestion.holds(plan.users, running.round, READY_WITHIN_S)
        outdated = await running.outdated()
    return _figures(plan, minutes, outdated)


class _Running:
    """All processes, and one client for every second user."""

    def __init__(
        self,
        plan: ChangesPlan,
        one: Ingestion,
        ws: Sequence[BenchProcess],
        watchers: Sequence[BenchProcess],
    ) -> None:
        self.ingestion = one
        self.round = 0  # of the simulation: how often each user has changed
        self._plan = plan
        self._watchers = watchers
        self._parts: dict[str, Sequence[Measured]] = {
            "gateway": [one.gateway],
            "Redis": [one.redis],
            "ws": ws,
        }

    async def open(self) -> None:
        share, more = divmod(self._plan.users // STEP, len(self._watchers))
        first = people.FIRST
        for number, watchers in enumerate(self._watchers):
            count = share + (number < more)
            await watchers.ask(f"open {count} {first} {STEP}")
            first += count * STEP

    async def warm(self) -> None:
        """Each user changes as soon as the gateway reads it, until all clients have seen it. They
        also get the profiles of users whose key-value store was looked up meanwhile."""
        sent = await self.ingestion.events(self._plan.users, 0, self._plan.users)
        self.round = sent["round"]
        await self.ingestion.holds(self._plan.users, self.round, READY_WITHIN_S)
        await self.outdated()

    async def once(self, rate: int) -> _Minute:
        """Each user changes once; so many a second."""
        expected = [(await one.ask("mark"))["alive"] for one in self._watchers]
        cpu, began = self._cpu(), time.monotonic()
        within = (self._plan.minute + LATE_S) * 1000
        frames: list[dict[str, Any]]
        sent, *frames = await asyncio.gather(
            self.ingestion.events(self._plan.users, rate, self._plan.users),
            *(
                one.ask(f"await {count} {within:.0f}")
                for one, count in zip(self._watchers, expected, strict=True)
            ),
        )
        self.round = sent["round"]
        after = self._cpu()
        return _Minute(
            p50=median(one["p50"] for one in frames) / 1000,
            p99=max(one["p99"] for one in frames) / 1000,
            longest=max(one["max"] for one in frames) / 1000,
            missing=self._plan.users // STEP - sum(one["frames"] for one in frames),
            memory={name: sum(one.memory() for one in some) for name, some in self._parts.items()},
            cpu={name: after[name] - cpu[name] for name in after},
            seconds=time.monotonic() - began,
        )

    async def outdated(self) -> int:
        """How many clients do not show what changed last."""
        asked = f"hold {self.round} {LATE_S * 1000:.0f}"
        answers = await asyncio.gather(*(one.ask(asked) for one in self._watchers))
        return self._plan.users // STEP - sum(int(one["holding"]) for one in answers)

    def _cpu(self) -> dict[str, float]:
        return {name: sum(one.cpu() for one in some) for name, some in self._parts.items()}


@asynccontextmanager
async def _running(harness: Harness, plan: ChangesPlan) -> AsyncIterator[_Running]:
    guilds = math.ceil(plan.users / ingestion.LARGEST_GUILD)
    async with AsyncExitStack() as blocks:
        redis: Redis = await blocks.enter_async_context(harness.redis(None))
        discord, env = await blocks.enter_async_context(
            ingestion.of_discord(harness, plan.users, guilds, core=None)
        )
        # The events are prebuilt, and the simulated Discord does not know of them: it would answer
        # the gateway's presence checks with the states of the start.
        env = {**env, "PRESENCE_CHECK_SECONDS": "0"}
        gateway = await blocks.enter_async_context(harness.service("gateway", redis, None, **env))
        await ingestion.readable(redis, plan.users, READY_WITHIN_S)
        _say(f"{plan.users:,} users are in Redis")
        ports = [free_port() for _ in range(plan.ws)]
        ws = [
            await blocks.enter_async_context(harness.service("ws", redis, None, WS_PORT=str(port)))
            for port in ports
        ]
        watchers = [
            await blocks.enter_async_context(
                returning(harness, port, RETURN_AFTER_MS, number, 1, MARK)
            )
            for number, port in enumerate(ports, 1)
        ]
        running = _Running(plan, Ingestion(discord, gateway, redis), ws, watchers)
        await running.open()
        _say(f"{plan.users // STEP:,} of them are watched")
        yield running


def _figures(plan: ChangesPlan, minutes: Sequence[_Minute], outdated: int) -> list[Figure]:
    first, last = minutes[0], minutes[-1]
    seconds = sum(one.seconds for one in minutes)
    p50, p99 = [one.p50 for one in minutes], [one.p99 for one in minutes]
    return [
        Figure(
            row=ROW,
            name=f"{plan.users:,} users change once in {plan.minute:.0f} s, "
            f"{plan.users // STEP:,} of them watched: from Discord to the client, p50",
            unit="ms",
            value=median(p50),
            note=f"{min(p50):.1f} to {max(p50):.1f} ms, by minute",
        ),
        Figure(
            row=ROW,
            name="the same, p99",
            unit="ms",
            value=median(p99),
            note=f"{min(p99):.1f} to {max(p99):.1f} ms, by minute; "
            f"the longest {max(one.longest for one in minutes):,.0f} ms",
        ),
        Figure(
            row=ROW,
            name="clients that do not show the newest state at the end",
            unit="count",
            value=outdated,
            goal=0,
        ),
        Figure(
            row=ROW,
            name="changes that their client did not get in the same minute",
            unit="count",
            value=sum(one.missing for one in minutes),
        ),
        *(
            Figure(
                row=ROW,
                name=f"CPU of {name} a second",
                unit="ms",
                value=sum(one.cpu[name] for one in minutes) / seconds * 1000,
            )
            for name in first.cpu
        ),
        *(
            Figure(
                row=ROW,
                name=f"memory of {name} after minute {len(minutes)} (floor: after minute 1)",
                unit="MB",
                value=last.memory[name] / 1e6,
                floor=first.memory[name] / 1e6,
                goal=GROWTH,
                goal_is="ratio",
                note="most: " + f"{max(one.memory[name] for one in minutes) / 1e6:.0f} MB",
            )
            for name in first.memory
        ),
    ]


def _say(what: str) -> None:
    print(f"scale: {what}", file=sys.stderr)
