"""Several ws behind several HAProxies, and more clients than one process can hold."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

from msgspec import Struct

from bench import front_doors, kernel
from bench.child import BenchProcess, ProcessFailed
from bench.harness import Harness, Redis, listens
from testing import haproxy_config
from testing.eventually import eventually_async
from testing.free_port import free_port

CLIENTS: Final = "watchers"  # of bench/load
SONG: Final = '"song":"90mph '  # in front of the number of a change of bench/people.py
FILES: Final = 20_000  # of a process, at most
OTHER_FILES: Final = 500  # of these, for anything but clients
PROXY_LOAD: Final = 0.75  # of what it can hold
CLIENTS_OF_ADDRESS: Final = 100  # a fifth of WS_CONNECTIONS_PER_ADDRESS
ADDRESSES_APART: Final = 1 << 16  # the clients of one process come from 127.N.0.0/16
TRACKED_OF_CLIENT: Final = 2.2  # two connections, and some that have ended
TRACKED: Final = (
    "{sockets:,} clients behind proxies need two connections each, but this kernel tracks "
    "{count:,} of at most {most:,} already. Run this in a network of its own: "
    "sudo unshare --net sh -c 'ip link set lo up; .venv/bin/python -m bench.scale sockets'. "
    "Or raise net.netfilter.nf_conntrack_max."
)
STOP_WITHIN_S: Final = 60.0
OPEN_WITHIN_S: Final = 600.0


class Layout(Struct, frozen=True, kw_only=True):
    """How many processes share the sockets."""

    sockets: int
    ws: int
    proxies: int  # 0: the clients connect to ws
    clients: int
    tls: bool
    return_after: int = 1000  # ms that a client waits at least before it connects again
    drain_seconds: int = 2  # of each ws, before it closes its clients


def layout(sockets: int, files: int, *, ws: int, proxied: bool, tls: bool) -> Layout:
    """As few processes as the limit of open files allows, but so many `ws`. A proxy needs two
    files for a client; clients that come back choose another, so that some get more than others."""
    each = min(files, FILES) - OTHER_FILES
    return Layout(
        sockets=sockets,
        ws=max(ws, math.ceil(sockets / each)),
        proxies=math.ceil(2 * sockets / each / PROXY_LOAD) if proxied else 0,
        clients=math.ceil(sockets / each),
        tls=tls and proxied,
    )


def check_tracking(sockets: int) -> None:
    """Raises ProcessFailed if the kernel follows connections, for a firewall, and has no room for
    so many: it would drop packets."""
    try:
        count, most = (
            int(Path(f"/proc/sys/net/netfilter/nf_conntrack_{name}").read_text())
            for name in ("count", "max")
        )
    except FileNotFoundError:
        return
    if count + TRACKED_OF_CLIENT * sockets > most:
        raise ProcessFailed(TRACKED.format(sockets=sockets, count=count, most=most))


class Measured(Protocol):
    """A process, or a Redis."""

    def cpu(self) -> float: ...

    def memory(self) -> int: ...


class WsRow:
    """The ws processes, each on a port of its own. One port more than processes is known to the
    proxies: there the next one starts before another is stopped."""

    def __init__(self, harness: Harness, redis: Redis, layout: Layout) -> None:
        self.ports = [free_port() for _ in range(layout.ws + 1)]
        self._drain_seconds = layout.drain_seconds
        self._harness = harness
        self._redis = redis
        self._running: dict[int, tuple[BenchProcess, AsyncExitStack]] = {}

    @property
    def processes(self) -> list[BenchProcess]:
        return [process for process, _ in self._running.values()]

    @property
    def running(self) -> list[int]:
        """Their ports, the one that has run longest first."""
        return list(self._running)

    @property
    def spare(self) -> int:
        return next(port for port in self.ports if port not in self._running)

    async def start(self, port: int) -> None:
        """Returns when it listens."""
        service = self._harness.service(
            "ws",
            self._redis,
            None,
            WS_PORT=str(port),
            DRAIN_SECONDS=str(self._drain_seconds),
            TRUSTED_PROXIES="127.0.0.1",
        )
        block = AsyncExitStack()
        self._running[port] = await block.enter_async_context(service), block

    async def stop(self, port: int) -> None:
        """Returns when it has closed its clients and ended."""
        process, block = self._running.pop(port)
        await process.end(STOP_WITHIN_S)
        await block.aclose()

    async def aclose(self) -> None:
        """All at once, with their clients."""
        blocks = [block for _, block in self._running.values()]
        self._running.clear()
        await asyncio.gather(*(block.aclose() for block in blocks))


class Proxy(Struct, frozen=True):
    """A HAProxy that runs."""

    process: BenchProcess
    port: int
    folder: Path

    async def sees(self, server: str) -> bool:
        """Whether it sends clients to this one."""
        reader, writer = await asyncio.open_unix_connection(self.folder / "admin.sock")
        writer.write(b"show stat\n")
        text = (await reader.read()).decode()
        writer.close()
        head, *lines = (line.split(",") for line in text.splitlines() if line)
        rows = [dict(zip(head, line, strict=False)) for line in lines]
        return any(row["svname"] == server and row["status"] == "UP" for row in rows)


class Crowds(Struct, frozen=True):
    """Everything that runs."""

    layout: Layout
    redis: Redis
    ws: WsRow
    proxies: Sequence[Proxy]
    clients: Sequence[BenchProcess]

    @property
    def parts(self) -> Mapping[str, Sequence[Measured]]:
        """What serves the clients, by name."""
        found: dict[str, Sequence[Measured]] = {"ws": self.ws.processes, "Redis": [self.redis]}
        if self.proxies:
            found["HAProxy"] = [proxy.process for proxy in self.proxies]
        return found

    def cpu(self) -> dict[str, float]:
        """Seconds so far."""
        return {name: sum(one.cpu() for one in some) for name, some in self.parts.items()}

    def memory(self) -> dict[str, int]:
        """Bytes. `kernel`: of the clients' own ends too."""
        found = {name: sum(one.memory() for one in some) for name, some in self.parts.items()}
        return found | {"kernel": kernel.own_memory()}

    async def ask(self, line: str) -> list[dict[str, Any]]:
        """The same of all client processes at once."""
        return await asyncio.gather(*(one.ask(line) for one in self.clients))

    async def open(self, user: int) -> None:
        """All clients, on this user. Returns when each has its initial_data."""
        share, more = divmod(self.layout.sockets, self.layout.clients)
        async with asyncio.timeout(OPEN_WITHIN_S):
            await asyncio.gather(
                *(
                    one.ask(f"open {share + (number < more)} {user} 0")
                    for number, one in enumerate(self.clients)
                )
            )

    async def replace(self, port: int) -> None:
        """Start another ws, and stop this one when all proxies use the other."""
        spare = self.ws.spare
        await self.ws.start(spare)
        for proxy in self.proxies:
            await eventually_async(partial(proxy.sees, _server(spare)))
        await self.ws.stop(port)


@asynccontextmanager
async def running(harness: Harness, redis: Redis, layout: Layout) -> AsyncIterator[Crowds]:
    """Without clients so far."""
    async with AsyncExitStack() as blocks:
        ws = WsRow(harness, redis, layout)
        blocks.push_async_callback(ws.aclose)
        for port in ws.ports[: layout.ws]:
            await ws.start(port)
        certificate = front_doors.make_certificate(harness.folder) if layout.tls else None
        proxies = [
            await blocks.enter_async_context(_proxy(harness, ws.ports, certificate))
            for _ in range(layout.proxies)
        ]
        doors = [proxy.port for proxy in proxies] or ws.ports
        addresses = ",".join(f"127.0.0.1:{port}" for port in doors)
        program = f"{CLIENTS}-tls" if layout.tls else CLIENTS
        each = math.ceil(layout.sockets / layout.clients / CLIENTS_OF_ADDRESS)
        clients = [
            await blocks.enter_async_context(
                returning(harness, addresses, layout.return_after, number, each, SONG, program)
            )
            for number in range(1, layout.clients + 1)
        ]
        yield Crowds(layout, redis, ws, proxies, clients)


def returning(
    harness: Harness,
    servers: object,
    after_ms: int,
    number: int,
    addresses: int,
    mark: str,
    program: str = CLIENTS,
) -> AbstractAsyncContextManager[BenchProcess]:
    """The client process with this number, from so many addresses; `mark` is what stands in each
    frame in front of the number of the change."""
    first = number * ADDRESSES_APART
    return harness.program(
        program, servers, "returning", after_ms, first, addresses, mark, core=None
    )


def haproxy() -> str | None:
    """Where it is installed."""
    found, _ = front_doors.installed()
    return next((door.program for door in found if door.name == "haproxy"), None)


@asynccontextmanager
async def _proxy(
    harness: Harness, ports: Sequence[int], certificate: Path | None
) -> AsyncIterator[Proxy]:
    """One with the configuration of deploy/, for ws alone."""
    program = haproxy()
    if program is None:
        raise ProcessFailed("haproxy is not installed")
    folder, port = harness.new_folder(), free_port()
    none = ["server none 127.0.0.1:1 disabled"]
    servers = {
        "ws": [f"server {_server(one)} 127.0.0.1:{one}" for one in ports],
        "api": none,
        "cards": none,
    }
    file = folder / "haproxy.cfg"
    file.write_text(haproxy_config.adapted(port, folder, servers, certificate))
    async with harness.program_at("haproxy", [program, "-db", "-f", str(file)]) as process:
        await listens(process, port)
        yield Proxy(process, port, folder)


def _server(port: int) -> str:
    """Its name in the configuration."""
    return f"ws-{port}"
