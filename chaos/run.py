"""One seed: everything up, faults, quiet, and the comparison."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Collection
from functools import partial
from typing import Final

import aiohttp
from msgspec import Struct, field

from chaos import wasted_identifies
from chaos.checker import Convergence, converge
from chaos.clients import population as crowds
from chaos.clients.reader import ClientPopulation, Reader
from chaos.fault_window import FaultWindow
from chaos.faults import WAYS
from chaos.history import History
from chaos.host_stalls import HostStalls
from chaos.latency_check import unexcused
from chaos.outages import ShardOutages
from chaos.plan import Fault, plan, plan_durable
from chaos.pollers import Replica
from chaos.redis_observer import RedisObserver
from chaos.session_invariants import SessionInvariants, most_identifies
from chaos.skipped_frames import skipped_frames
from chaos.stack import Stack
from chaos.wasted_identifies import WastedIdentifyTracker
from simulator import BOT_ID

ASKED: Final = 150  # users, over REST
FAULTS_BEGIN: Final = "faults begin"
SETTLES_EVERY: Final = 8  # seeds
SETTLES_EVERY_OF_SHARDS: Final = 32  # seeds with several shards: it takes two minutes there
SETTINGS_AT_ONCE: Final = 40
MOST_MEMORY_KB: Final = 300_000
_CANCEL_AGAIN_S: Final = 1.0


class Size(Struct, frozen=True):
    """How large a run is. Times are in seconds, the rate in changes a second."""

    faults_for: float = 15.0
    converge_within: float = 60.0
    followed_within: float = 15.0  # a change of quiet times is everywhere
    stood: float = 1.0  # what was replaced sooner may be skipped, by ws or by its machine
    quiet_for: float = 4.0  # in which people go on, and nothing goes wrong
    answered_within: float = 3.0  # over REST, where nothing on the way is broken
    people: int = 480
    rate: float = 120.0
    clients: int = 200
    hostile: int = 15
    burst: int = 50_000  # events at once
    shards: int = 1  # of Discord's gateway
    cluster: bool = False  # Redis is one
    only: str = ""  # kinds of faults whose name begins so
    settings: float = 0.01  # share of the changes that are of a setting in Discord
    choosers: int = 24  # people who change what is shown of them, but in every fourth seed
    hidden_within: float = 1.0  # seconds after it was hidden, nothing may be seen any more


class Result(Struct):
    """What came of one seed."""

    seed: int
    size: Size
    faults: list[Fault]
    problems: list[str]
    convergence: Convergence
    followed: Convergence
    due: int = 0  # states that clients had to be shown, each on its own connection
    identifies: int = 0
    skipped_frames: int = 0  # times that `ws` passed over a client, since each was started last
    frames: int = 0
    connections: int = 0
    changes: int = 0
    answers: Counter[int] = field(default_factory=Counter)
    closes: Counter[str] = field(default_factory=Counter)
    choices: int = 0  # changes of what is shown
    looks: int = 0  # of readers at users who hide something
    memory_kb: dict[str, int] = {}
    stalled_s: float = 0.0  # in which the machine gave the run no time
    seconds: float = 0.0
    log: list[tuple[float, str, str]] = []  # time, process, text

    @property
    def passed(self) -> bool:
        return not self.problems


async def run(seed: int, size: Size) -> Result:
    """Do all of it. Every child is gone when this returns or raises."""
    began = time.monotonic()
    faults = plan(seed, size.faults_for, size.only, cluster=size.cluster)
    choosers = size.choosers if seed % 4 else 0
    if choosers and not size.only:
        faults = sorted([*faults, *plan_durable(seed, size.faults_for)], key=lambda one: one.at)
    async with (
        Stack(
            seed,
            size.people,
            size.burst,
            size.shards,
            cluster=size.cluster,
            choosers=choosers,
        ) as stack,
        # An idle keep-alive connection may be closed just when a request is sent on it.
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as http,
    ):
        replicas = [
            Replica(name, port, http, stack.history, stack.rollbacks)
            for name, port in stack.api_ports.items()
        ]
        crowd = ClientPopulation(
            stack.history, stack.ws_ports, stack.narrow_ws_ports, stack.rollbacks
        )
        readers = crowds.readers(crowd, size.clients, seed)
        machine = HostStalls()
        wasted = WastedIdentifyTracker(stack.simulator.sessions)
        identities = SessionInvariants(stack.simulator.sessions)
        world, sessions = stack.simulator.world, stack.simulator.sessions
        shards = ShardOutages(stack.history.outages, world, sessions, size.shards)
        tasks = crowds.start(
            [
                stack.life.run(),
                *([stack.choosers.run()] if stack.choosers else ()),
                *(reader.run() for reader in readers),
                *crowds.hostile_clients(stack.history, stack.ws_ports, size.hostile, seed),
                *(replica.poll(seed) for replica in replicas),
                identities.run(),
                shards.run(),
                machine.run(),
            ]
        )
        result = Result(seed, size, faults, [], Convergence([], []), Convergence([], []))
        try:
            async with RedisObserver(stack.redis_nodes, stack.history.privacy) as reference:
                tasks.append(asyncio.create_task(reference.watch_hashes(stack.redis_client)))
                stack.life.rate, stack.life.settings = size.rate, size.settings
                if stack.choosers:
                    stack.choosers.go()
                result.log.append((time.monotonic(), "chaos", FAULTS_BEGIN))
                windows = await _break(stack, faults)
                stack.life.rate, crowd.calm_since = 0.0, time.monotonic()
                if stack.choosers:
                    await stack.choosers.rest()
                result.log.append((time.monotonic(), "chaos", "all is healed"))
                result.skipped_frames = await skipped_frames(http, stack.metrics_ports.values())
                await _compare(result, stack, replicas, readers, machine)
            result.problems += identities.wrong
            result.problems += wasted_identifies.unexcused(
                wasted.spent, [*windows, *machine.windows]
            )
            stalls = machine.windows
            result.due, missed = reference.compare(readers, [*windows, *stalls], size.stood)
            result.problems += missed
            result.problems += stack.history.privacy.leaks(
                [*windows, *machine.delays], size.hidden_within, size.shards
            )
            for replica in replicas:
                result.problems += unexcused(
                    replica.name,
                    replica.latencies,
                    [*windows, *machine.windows],
                    size.answered_within,
                )
        finally:
            died = [task for task in tasks if task.done()]
            await _cancel(tasks)
        result.stalled_s = machine.total_s
        result.problems += [f"the test itself broke: {task.exception()!r}" for task in died]
        _count_identifies(result, stack.simulator.stats.identifies)
        _gather(result, stack, crowd, replicas)
    result.seconds = time.monotonic() - began
    return result


async def _cancel(tasks: Collection[asyncio.Task[None]]) -> None:
    """A task that waits for Redis may take a cancellation for a lost connection, and go on."""
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_CANCEL_AGAIN_S)
    await asyncio.gather(*tasks, return_exceptions=True)


async def _break(stack: Stack, faults: list[Fault]) -> list[FaultWindow]:
    """Do every fault at its time; returns when the last one is healed, and when each was."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    targets: dict[str, asyncio.Lock] = {}
    windows: list[FaultWindow] = []

    async def one(fault: Fault) -> None:
        await asyncio.sleep(began + fault.at - loop.time())
        # What a fault hits may take longer to come back than was planned.
        async with targets.setdefault(fault.target, asyncio.Lock()):
            since = time.monotonic()
            await WAYS[fault.kind](stack, fault)
            windows.append(FaultWindow(fault.target, since, time.monotonic(), fault.kind))
            stack.history.half_minute.disturb()

    await asyncio.gather(*map(one, faults))
    return windows


async def _compare(
    result: Result,
    stack: Stack,
    replicas: list[Replica],
    readers: list[Reader],
    machine: HostStalls,
) -> None:
    size = result.size
    async with stack.redis_client() as redis:
        asked = _asked(stack.history, result.seed)
        parts = stack.history, redis, replicas, readers
        check = partial(converge, *parts, asked=asked, machine=machine)
        result.convergence = await check(within=size.converge_within)
        result.problems += result.convergence.left
        result.log.append((time.monotonic(), "chaos", "compared"))
        if result.convergence.left:
            return
        every = SETTLES_EVERY if size.shards == 1 else SETTLES_EVERY_OF_SHARDS
        if result.seed % every == 0 and size.settings:
            for _ in range(SETTINGS_AT_ONCE):
                stack.life.share()
            await asyncio.sleep(stack.history.half_minute.seconds_left())
            settled = await check(within=size.followed_within)
            result.problems += [f"after half a minute: {words}" for words in settled.left]
            result.log.append((time.monotonic(), "chaos", "settled"))
        stack.life.rate = size.rate
        if stack.choosers:
            stack.choosers.go()
        await asyncio.sleep(size.quiet_for)
        stack.life.rate = 0.0
        if stack.choosers:
            await stack.choosers.rest()
        for user_id in sorted(stack.history.members() - {BOT_ID}):
            stack.life.show(user_id)
        result.followed = await check(within=size.followed_within)
        result.problems += [f"afterwards: {words}" for words in result.followed.left]


def _count_identifies(result: Result, identifies: int) -> None:
    result.identifies = identifies
    most = most_identifies(result.faults, result.size.shards)
    if identifies > most:
        result.problems.append(f"{identifies} identifies, where {most} are enough")


def _asked(history: History, seed: int) -> list[str]:
    """Members and leavers."""
    rng = random.Random(seed)
    members = history.members()
    left = sorted(history.names.keys() - members)
    return [
        *rng.sample(sorted(members), min(ASKED, len(members))),
        *rng.sample(left, min(ASKED // 4, len(left))),
    ]


def _gather(result: Result, stack: Stack, crowd: ClientPopulation, replicas: list[Replica]) -> None:
    result.frames, result.connections = crowd.frames, crowd.connections
    result.closes, result.changes = crowd.closes, stack.life.changes
    result.looks = stack.history.privacy.looks
    if stack.choosers:
        result.choices = stack.choosers.changes
    result.problems += crowd.wrong
    for replica in replicas:
        result.answers += replica.statuses
        result.problems += replica.wrong
    for name, service in stack.services.items():
        result.problems += service.troubles
        result.memory_kb[name] = service.memory_kb()
        if result.memory_kb[name] > MOST_MEMORY_KB:
            result.problems.append(f"{name} took {result.memory_kb[name]} kB")
        result.log += [(when, name, text) for when, text in service.lines]
    result.log.sort()
