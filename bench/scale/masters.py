"""How many saves Redis takes as masters are added: one server, then clusters.

All run on this machine, so a second master does not make it faster. What is measured is the CPU of
each master; with a core for each, the one that needs most is the limit.
"""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from msgspec import Struct

from bench import kernel, people
from bench.figures import Figure
from bench.harness import Harness
from shared.redis.store import Save, Store
from testing import valkey_binary
from testing.redis_cluster import RedisCluster
from testing.redis_server import RedisServer

ROW = "masters"
BATCH = 100  # saves in one round trip
TIMEOUT_S = 30.0


class MastersPlan(Struct, frozen=True, kw_only=True):
    """0 masters: one server that is no cluster."""

    masters: Sequence[int] = (0, 1, 2, 3, 6)
    users: int = 5_000
    rounds: int = 3
    valkey: bool = True  # beside Redis


class _Measured(Struct, frozen=True):
    """CPU of a save, in seconds."""

    busiest: float  # of the master that needs most, for a save of any user
    total: float  # of all masters
    client: float
    seconds: float  # that pass
    read: float  # CPU of all masters, for a read of one user


async def run(harness: Harness, plan: MastersPlan) -> list[Figure]:
    binaries = {"Redis": ""}
    valkey = valkey_binary.find() if plan.valkey else ""
    if valkey:
        binaries["Valkey"] = valkey
    elif valkey is None:
        harness.left_out.append("Valkey: not installed (python -m testing.valkey_binary)")
    found: list[Figure] = []
    for name, binary in binaries.items():
        alone: float | None = None
        for masters in plan.masters:
            async with _servers(masters, binary) as (url, servers):
                measured = await _measure(url, servers, plan)
            alone = alone or measured.busiest
            found += _figures(f"{name}, {_count(masters)}", measured, alone)
            print(f"scale: {found[-3].name}: {found[-3].value:,.0f}", file=sys.stderr)
    return found


@asynccontextmanager
async def _servers(masters: int, binary: str) -> AsyncIterator[tuple[str, Sequence[RedisServer]]]:
    if not masters:
        async with RedisServer(binary=binary) as server:
            yield server.url, [server]
        return
    async with RedisCluster(
        int(TIMEOUT_S * 1000), masters=masters, replicated=False, binary=binary
    ) as cluster:
        yield cluster.url, cluster.masters


async def _measure(url: str, servers: Sequence[RedisServer], plan: MastersPlan) -> _Measured:
    """As the gateway saves: every user, in batches, with a changed presence each time."""
    saves = plan.users * plan.rounds
    async with Store.connect(url, timeout=TIMEOUT_S) as store:
        await people.admit(store, plan.users)
        await _save_all(store, plan.users, 1)
        before = _cpu(servers)
        own, began = time.process_time(), time.monotonic()
        for number in range(2, plan.rounds + 2):
            await _save_all(store, plan.users, number)
        own, seconds = time.process_time() - own, time.monotonic() - began
        after = _cpu(servers)
        for user in range(people.FIRST, people.FIRST + plan.users):
            await store.load(user)
        read = sum(_cpu(servers)) - sum(after)
    spent = [now - then for now, then in zip(after, before, strict=True)]
    return _Measured(
        busiest=max(spent) / saves,
        total=sum(spent) / saves,
        client=own / saves,
        seconds=seconds / saves,
        read=read / plan.users,
    )


def _cpu(servers: Sequence[RedisServer]) -> list[float]:
    return [kernel.cpu_seconds(one.pid) for one in servers]


async def _save_all(store: Store, users: int, number: int) -> None:
    for start in range(people.FIRST, people.FIRST + users, BATCH):
        await store.save(
            [Save(user, people.fields(user, number)) for user in range(start, start + BATCH)]
        )


def _count(masters: int) -> str:
    if not masters:
        return "one server"
    return f"a cluster of {masters} master" + ("s" if masters > 1 else "")


def _figures(name: str, measured: _Measured, alone: float) -> list[Figure]:
    return [
        Figure(
            row=ROW,
            name=f"{name}: saves a second, with a core for each",
            unit="count",
            value=1 / measured.busiest,
            floor=1 / alone,
            note=f"{1 / measured.seconds:,.0f} from one client on this machine",
        ),
        Figure(
            row=ROW,
            name=f"{name}: CPU of a save, all masters",
            unit="µs",
            value=measured.total * 1e6,
            note=f"its client {measured.client * 1e6:.0f} µs",
        ),
        Figure(
            row=ROW,
            name=f"{name}: CPU of a read, all masters",
            unit="µs",
            value=measured.read * 1e6,
        ),
    ]
