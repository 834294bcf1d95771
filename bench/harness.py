"""What the benchmarks run on: compiled load programs, a Redis, and Grux's real processes."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final

from bench import child, kernel
from bench.child import BenchProcess, ProcessFailed
from bench.figures import STEADY, Series
from bench.params import Params
from shared.redis.store import Store
from testing.free_port import free_port
from testing.redis_server import RedisServer

HERE: Final = Path(__file__).parent
START_WITHIN: Final = 20.0  # seconds
COMPLAINT_LINES: Final = 5
PROGRAMS: Final = ("watchers", "floor", "http_load", "probe", "redis_load")

NO_COMPILER: Final = (
    "The bench needs a C compiler for its load programs, and found neither gcc nor cc. "
    "Install one (Debian, Ubuntu: apt install gcc libc6-dev), then run the same command again."
)


class Harness:
    """Starts processes for the benchmarks; each lives as long as its `async with` block."""

    def __init__(self, params: Params, folder: Path, tree: Path) -> None:
        """`folder` is for programs and logs; the services of `tree` are measured.

        Raises ProcessFailed without a C compiler.
        """
        self.params = params
        self.folder = folder
        self.unsteady: list[str] = []  # measurements that differed until the last round
        self.left_out: list[str] = []  # what cannot be measured here, and why
        self._tree = tree
        self._started = 0
        self._logs: dict[str, Path] = {}  # of this row's processes, by name
        compiler = shutil.which("gcc") or shutil.which("cc")
        if compiler is None:
            raise ProcessFailed(NO_COMPILER)
        self._compiler = compiler

    def compile(self, names: Sequence[str] = PROGRAMS) -> None:
        """Compile these load programs. Raises ProcessFailed with the compiler's message."""
        for name in names:
            self._compile(name, name)

    def compile_tls(self, names: Sequence[str] = ("watchers", "http_load")) -> None:
        """Compile those that can encrypt. Raises ProcessFailed without OpenSSL's headers."""
        for name in names:
            self._compile(name, f"{name}-tls", "-DWITH_TLS", "-lssl", "-lcrypto")

    def _compile(self, source: str, name: str, *options: str) -> None:
        file = HERE / "load" / f"{source}.c"
        command = [self._compiler, "-O2", str(file), *options, "-o", str(self.folder / name)]
        done = subprocess.run(  # noqa: S603 (the compiler and our own sources)
            command, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise ProcessFailed(done.stderr)

    def new_folder(self) -> Path:
        """An empty one, for the files of one process."""
        self._started += 1
        folder = self.folder / f"{self._started:03}"
        folder.mkdir()
        return folder

    def rounds(self, series: Series, *names: str) -> Iterator[int]:
        """The number of each round: as many as asked for, and more while the measurements with
        these names differ too much."""
        params, began = self.params, time.monotonic()
        for number in range(params.most_rounds):
            spreads = {name: series.spread(name) for name in names} if number else {}
            late = time.monotonic() - began > params.more_rounds_within
            if number >= params.rounds and (late or max(spreads.values()) <= STEADY):
                break
            yield number
        self.unsteady += [
            f"{name.strip('/')}: {series.spread(name):.0%}"
            for name in names
            if series.spread(name) > STEADY
        ]

    def begin_row(self) -> None:
        """What follows is another row's."""
        self.unsteady = []
        self._logs = {}

    def complaints(self) -> str:
        """What this row's processes have logged, the last lines of each."""
        tails = {
            name: log.read_text(errors="replace").splitlines()[-COMPLAINT_LINES:]
            for name, log in self._logs.items()
        }
        return "".join(f"\n  {name}: {line}" for name, lines in tails.items() for line in lines)

    def _log(self, name: str) -> Path:
        self._started += 1
        log = self._logs[name] = self.folder / f"{self._started:03}-{name}.log"
        return log

    @asynccontextmanager
    async def redis(self, core: int | None = kernel.LOAD_CORE) -> AsyncIterator[Redis]:
        """An empty redis-server, usually on the core of the load programs."""
        pin = partial(kernel.pin_to, core)
        async with (
            RedisServer("--loglevel", "warning", before_exec=pin) as server,
            Store.connect(server.url, timeout=30.0) as store,
        ):
            yield Redis(server, store)

    @asynccontextmanager
    async def service(
        self,
        name: str,
        redis: Redis,
        core: int | None = kernel.SERVER_CORE,
        /,
        *,
        module: str = "",
        **env: str,
    ) -> AsyncIterator[BenchProcess]:
        """`python -m services.<name>` on this core, once it listens. `module`: in its place."""
        settings = {
            "REDIS_URL": redis.url,
            "PROFILE_SOURCE": "off",
            "LOG_LEVEL": "WARNING",
            "DRAIN_SECONDS": "0",
            "METRICS_PORT": str(free_port()),
            "PYTHONPATH": str(self._tree),
            **env,
        }
        command = [sys.executable, "-m", module or f"services.{name}"]
        async with child.started(
            name,
            command,
            core=core,
            log=self._log(name),
            env=settings,
        ) as process:
            for setting in ("API_PORT", "WS_PORT", "CARDS_PORT"):
                if setting in env:
                    host = env.get(setting.replace("PORT", "HOST"), "127.0.0.1")
                    await listens(process, int(env[setting]), host)
            yield process

    @asynccontextmanager
    async def program(
        self, name: str, *arguments: object, core: int | None = kernel.LOAD_CORE
    ) -> AsyncIterator[BenchProcess]:
        """One of the programs of bench/load, compiled."""
        command = [str(self.folder / name), *map(str, arguments)]
        async with child.started(name, command, core=core, log=self._log(name)) as process:
            yield process

    @asynccontextmanager
    async def program_at(self, name: str, command: list[str]) -> AsyncIterator[BenchProcess]:
        """An installed program, on any core."""
        async with child.started(name, command, core=None, log=self._log(name)) as process:
            yield process

    @asynccontextmanager
    async def module(
        self, name: str, *arguments: object, core: int | None = kernel.LOAD_CORE
    ) -> AsyncIterator[BenchProcess]:
        """One of the bench's own Python programs."""
        command = [sys.executable, "-m", name, *map(str, arguments)]
        async with child.started(name, command, core=core, log=self._log(name)) as process:
            yield process


class Redis:
    """A redis-server that answers, and a connection to it."""

    def __init__(self, server: RedisServer, store: Store) -> None:
        self.url = server.url
        self.store = store
        self._server = server

    def cpu(self) -> float:
        """Seconds of CPU time so far."""
        return kernel.cpu_seconds(self._server.pid)

    def memory(self) -> int:
        """Bytes."""
        return kernel.memory(self._server.pid)


async def listens(process: BenchProcess, port: int, host: str = "127.0.0.1") -> None:
    """Return when the process accepts connections. Raises ProcessFailed if it exits."""
    async with asyncio.timeout(START_WITHIN):
        while True:
            if not process.runs:
                raise process.broken("ended at once")
            try:
                _, writer = await asyncio.open_connection(host, port)
            except OSError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return
