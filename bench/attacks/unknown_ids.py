"""Item 1: handshakes that ask ws for unmonitored users, as fast as one core can send them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from bench import people
from bench.attacks import raw_http
from bench.attacks.outcome import Outcome, percentile
from bench.attacks.target import USERS, Service, address, service
from bench.harness import Harness, Redis
from services.ws.limits import WsLimits

ONE_ADDRESS: Final = "one address, 116 handshakes/s of 50 unknown ids"
MANY_ADDRESSES: Final = "the same, each from another address"
RATE: Final = 116.0  # handshakes a second
SECONDS: Final = 15.0
QUIET_S: Final = 5.0  # before the attack, for comparison
NEWCOMER_EVERY_S: Final = 0.05
CHANGE_EVERY_S: Final = 0.05


class Visitors:
    """A client that watches, and clients that connect one after another."""

    def __init__(self, ws: Service, redis: Redis) -> None:
        self._ws = ws
        self._redis = redis
        self._sent: dict[int, float] = {}
        self.ages: list[float] = []
        self.waited: list[float] = []
        self.failed = 0

    async def watch(self) -> None:
        """Note how old each frame is when it arrives."""
        reader, writer = await self._connect(people.FIRST)
        try:
            while True:
                frame = await reader.readuntil(b"90mph ")
                number = int((await reader.readexactly(6)).decode())
                if b"presence_update" in frame and number in self._sent:
                    self.ages.append(time.monotonic() - self._sent[number])
        finally:
            writer.transport.abort()

    async def change(self) -> None:
        for number in range(1, 1_000_000):
            self._sent[number] = time.monotonic()
            await people.change(self._redis.store, people.FIRST, number)
            await asyncio.sleep(CHANGE_EVERY_S)

    async def arrive(self) -> None:
        for number in range(1, 1_000_000):
            began = time.monotonic()
            try:
                async with asyncio.timeout(5):
                    reader, writer = await self._connect(people.FIRST + 1 + number % (USERS - 1))
                    await reader.readuntil(b'"op":"initial_data"')
            except (OSError, EOFError, TimeoutError):
                self.failed += 1
            else:
                self.waited.append(time.monotonic() - began)
                writer.transport.abort()
            await asyncio.sleep(NEWCOMER_EVERY_S)

    async def _connect(self, user_id: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._ws.port)
        upgrade = raw_http.UPGRADE[:-2]
        writer.write(raw_http.get(f"/?user_id={user_id}", upgrade, address=address()))
        return reader, writer

    @contextmanager
    def visiting(self) -> Iterator[None]:
        tasks = [asyncio.create_task(one()) for one in (self.watch, self.change, self.arrive)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


async def run(harness: Harness) -> list[Outcome]:
    async with harness.redis() as redis:
        await people.admit(redis.store, USERS)
        return [
            *await _flood(harness, redis, ONE_ADDRESS, "52.0.0.1"),
            *await _flood(harness, redis, MANY_ADDRESSES, "*"),
            *await _refusals(harness, redis),
        ]


async def _refusals(harness: Harness, redis: Redis) -> list[Outcome]:
    """What a handshake costs that is served, one that is refused, and one of a flood."""
    limits, attacker = WsLimits(), address()
    name = f"{limits.handshakes_per_address * 3} handshakes from one address, one after another"
    outcomes = []
    async with service(harness, redis, "ws") as ws:
        request = raw_http.get(f"/?user_id={people.FIRST}", raw_http.UPGRADE[:-2], address=attacker)
        for kind, status in (("served", 101), ("closed with 4429", 101), ("answered 429", 429)):
            before, statuses = ws.process.cpu(), set()
            for _ in range(limits.handshakes_per_address):
                statuses.add((await raw_http.send(ws.port, request)).status)
            cost = (ws.process.cpu() - before) / limits.handshakes_per_address
            shown = f"CPU of ws for one that is {kind}" + (
                "" if statuses == {status} else f" (but: {statuses})"
            )
            outcomes.append(_outcome(name, shown, cost * 1e6, "µs", 1000))
    return outcomes


async def _flood(harness: Harness, redis: Redis, name: str, attacker: str) -> list[Outcome]:
    async with service(harness, redis, "ws") as ws:
        visitors = Visitors(ws, redis)
        with visitors.visiting():
            await asyncio.sleep(1)
            before = ws.process.cpu()
            await asyncio.sleep(QUIET_S)
            quiet = (ws.process.cpu() - before) / QUIET_S
            quiet_age = percentile(visitors.ages, 0.99) * 1e3
            quiet_wait = percentile(visitors.waited, 0.99) * 1e3
            visitors.ages.clear()
            visitors.waited.clear()
            before, began = ws.process.cpu(), time.monotonic()
            flood = (ws.port, attacker, RATE, SECONDS)
            async with harness.module("bench.attacks.flood", *flood) as process:
                await asyncio.sleep(SECONDS)
                load = (ws.process.cpu() - before) / (time.monotonic() - began)
                waited, ages, failed = list(visitors.waited), list(visitors.ages), visitors.failed
                with suppress(TimeoutError):
                    async with asyncio.timeout(15):
                        endings = await process.answer()
    refused = sum(number for ending, number in endings.items() if ending in ("4429", "429"))
    answered = sum(endings.values()) - refused
    waiting = f"newcomers' initial_data, p99 (quiet: {quiet_wait:.0f} ms)"
    aging = f"age of frames, p99 (quiet: {quiet_age:.0f} ms)"
    outcomes = [
        _outcome(name, waiting, percentile(waited, 0.99) * 1e3, "ms", 100),
        _outcome(name, "newcomers without initial_data", failed, "", 0),
        _outcome(name, aging, percentile(ages, 0.99) * 1e3, "ms", 10),
        _outcome(name, "CPU of ws for a handshake", (load - quiet) / RATE * 1e6, "µs", 3000),
    ]
    if attacker != "*":
        outcomes += [
            _outcome(name, "unknown ids that were tested", answered * 50, "", 1200),
            Outcome(
                attack=name, figure="handshakes refused", value=refused, bound=1, at_least=True
            ),
        ]
    return outcomes


def _outcome(attack: str, figure: str, value: float, unit: str, bound: float) -> Outcome:
    return Outcome(attack=attack, figure=figure, value=value, unit=unit, bound=bound)
