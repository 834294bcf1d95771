"""The whole way of a visitor: TLS, a proxy, ws and api; beside the same services asked directly.

All processes may use every core. Each front door gets services of its own, and they take turns.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final, Literal

from msgspec import Struct

from bench import front_doors, people
from bench.child import BenchProcess, ProcessFailed
from bench.crowd import SocketCrowd
from bench.figures import Figure, Series, Unit
from bench.front_doors import API, CARDS, WS, FrontDoor, Site
from bench.harness import Harness, Redis, listens
from testing.dns_server import dns_server
from testing.free_port import free_port

ROW = "front_door"
FIRST_ONES: Final = 20  # clients before it counts: what is loaded once is no client's
CONNECTIONS: Final = 32  # keep-alive ones, for reads
DIFFERENT: Final = 500  # users
WARM: Final = 3  # messages before it counts
WITHIN_S: Final = 150.0  # for all measurements of one front door, once

DIRECT: Final = "direct"  # no proxy, no TLS
TLS_WS: Final = "ws ends TLS"  # no proxy; api is not measured


class Measure(Struct, frozen=True):
    """One of the rows of the table."""

    key: str
    what: str
    unit: Unit
    scale: float
    goal: float
    goal_is: Literal["value", "ratio"] = "ratio"


MEASURES: Final = (
    Measure("memory", "memory of an idle watcher", "KB", 1e-3, 14, "value"),
    Measure("frame", "CPU of a frame of a fan-out", "µs", 1e6, 2.2),
    Measure("connect", "CPU of a connect to initial_data", "µs", 1e6, 3.3),
    Measure("get", "CPU of a GET /user/:id", "µs", 1e6, 1.6),
)


async def run(harness: Harness) -> list[Figure]:
    doors: dict[str, FrontDoor | None] = {DIRECT: None}
    certificate = harness.folder
    try:
        harness.compile_tls()
        certificate = front_doors.make_certificate(harness.folder)
    except ProcessFailed as broken:
        harness.left_out.append(f"{ROW}: everything with TLS: {broken}")
    else:
        found, missing = front_doors.installed()
        doors |= {TLS_WS: None, **{door.name: door for door in found}}
        harness.left_out += [f"{ROW}: {name} is not installed" for name in missing]
    figures = []
    for upstreams in harness.params.upstreams:
        figures += await _compare(harness, doors, certificate, upstreams)
    return figures


async def _compare(
    harness: Harness, doors: Mapping[str, FrontDoor | None], certificate: Path, upstreams: int
) -> list[Figure]:
    series = Series()
    async with harness.redis() as redis:
        await people.admit(redis.store, harness.params.users)
        for _, (name, door) in itertools.product(range(harness.params.rounds), doors.items()):
            began = time.monotonic()
            try:
                async with (
                    asyncio.timeout(WITHIN_S),
                    _visited(harness, redis, name, door, certificate, upstreams) as visited,
                ):
                    await _measure(harness, redis, visited, name, series)
            except (ProcessFailed, TimeoutError) as broken:
                harness.left_out.append(f"{ROW}: {name}: {type(broken).__name__}: {broken}")
            print(f"bench: {name}, {time.monotonic() - began:.0f} s", file=sys.stderr)
    suffix = f"{upstreams} upstream" + ("s" if upstreams > 1 else "")
    return [figure for name in doors for figure in _figures(series, name, suffix)]


class Visited(Struct, frozen=True):
    """The processes at an address, and the load on it."""

    crowd: SocketCrowd
    load: BenchProcess | None  # None: there is no api

    async def get(self, requests: int) -> float:
        """Seconds that so many reads take, of few users in turn: each api soon has them all."""
        assert self.load is not None  # noqa: S101
        different = min(requests, DIFFERENT)
        done = await self.load.ask(
            f"{CONNECTIONS} {requests} /user/ {people.FIRST} {different} none"
        )
        if done["ok"] != requests:
            raise ProcessFailed(f"GET /user: {done}")
        return float(done["seconds"])


async def _measure(
    harness: Harness, redis: Redis, visited: Visited, name: str, series: Series
) -> None:
    params, crowd = harness.params, visited.crowd
    numbers = itertools.count(1)

    async def publish() -> None:
        await people.change(redis.store, people.FIRST, next(numbers))

    await crowd.open(FIRST_ONES)
    before = crowd.memory()
    await crowd.open(params.front_sockets)
    await asyncio.sleep(params.settles)
    series.add(f"{name} memory", (crowd.memory() - before) / params.front_sockets)

    sockets = params.front_sockets + FIRST_ONES
    messages = max(2, params.front_frames // sockets)
    await crowd.burst(publish, WARM, sockets)
    cpu, _ = await crowd.burst(publish, messages, sockets)
    series.add(f"{name} frame", cpu / messages / sockets)
    await crowd.watchers.ask("close")
    await asyncio.sleep(params.settles)

    began = crowd.cpu()
    await crowd.open(params.handshakes)
    series.add(f"{name} connect", (crowd.cpu() - began) / params.handshakes)
    await crowd.watchers.ask("close")
    await asyncio.sleep(params.settles)

    if visited.load is not None:
        await visited.get(params.users)  # what is kept from now on is warm, with several api too
        await visited.get(params.users)
        began = crowd.cpu()
        seconds = await visited.get(params.users)
        series.add(f"{name} get", (crowd.cpu() - began) / params.users)
        series.add(f"{name} rate", params.users / seconds)


@asynccontextmanager
async def _visited(
    harness: Harness,
    redis: Redis,
    name: str,
    door: FrontDoor | None,
    certificate: Path,
    upstreams: int,
) -> AsyncIterator[Visited]:
    """Services of its own behind the door, once all of them listen."""
    hosts = [f"127.0.0.{number}" for number in range(2, 2 + upstreams)]
    ports = {service: free_port() for service in (WS, API, CARDS)}
    async with AsyncExitStack() as parts:
        dns = await parts.enter_async_context(dns_server(dict.fromkeys(ports, hosts)))
        processes = []
        for host, service in itertools.product(hosts, (WS, API)):
            module = "bench.baselines.tls_ws" if (name, service) == (TLS_WS, WS) else ""
            process = harness.service(
                service,
                redis,
                None,
                module=module,
                CERTIFICATE=str(certificate),
                TRUSTED_PROXIES="127.0.0.0/8",
                **{f"{service.upper()}_HOST": host, f"{service.upper()}_PORT": str(ports[service])},
            )
            processes.append(await parts.enter_async_context(process))
        ws, api = (",".join(f"{host}:{ports[service]}" for host in hosts) for service in (WS, API))
        if door is not None:
            site = Site(
                folder=harness.new_folder(),
                port=free_port(),
                certificate=certificate,
                dns=dns.port,
                hosts=hosts,
                ports=ports,
            )
            command = door.command(site, door.program)
            proxy = await parts.enter_async_context(harness.program_at(door.name, command))
            await listens(proxy, site.port)
            processes.append(proxy)
            ws = api = str(site.port)
        tls = "" if name == DIRECT else "-tls"
        watchers = await parts.enter_async_context(harness.program(f"watchers{tls}", ws, core=None))
        load = None
        if name != TLS_WS:
            load = await parts.enter_async_context(
                harness.program(f"http_load{tls}", api, "stay", core=None)
            )
        first, *rest = processes
        yield Visited(SocketCrowd(first, watchers, ports[WS], tuple(rest)), load)


def _figures(series: Series, name: str, suffix: str) -> list[Figure]:
    found = []
    for measure in MEASURES:
        value = series.scaled(f"{name} {measure.key}", measure.scale)
        if value is None:
            continue
        rate = series.get(f"{name} rate") if measure.key == "get" else None
        found.append(
            Figure(
                row=ROW,
                name=f"{name}, {suffix}, {measure.what}",
                unit=measure.unit,
                value=value,
                floor=None
                if name == DIRECT
                else series.scaled(f"{DIRECT} {measure.key}", measure.scale),
                goal=measure.goal,
                goal_is=measure.goal_is,
                note="" if rate is None else f"{rate:,.0f} a second",
            )
        )
    return found
