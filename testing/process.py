"""Child processes for tests, chaos and bench: one way to start, watch and end them.

A child gets an explicit environment and an empty working directory. So neither the settings of
this machine nor the `.env` of the checkout (a real bot's!) reach it.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import re
import signal
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import IO, Final, Protocol, Self, TypeVar

from testing.eventually import PATIENCE
from testing.fork_server import LONGEST_LINE, ForkedProcess, ForkServer, Request, prepare_child

T = TypeVar("T")

ROOT: Final = Path(__file__).parents[1]
CAN_FORK: Final = sys.platform == "linux"

_INHERITED: Final = ("PATH", "TMPDIR", "LD_LIBRARY_PATH", "REDIS_SERVER")
_DRAIN_WITHIN_S: Final = 2.0  # that a grandchild may keep the output open after the end
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


class ProcessEnded(AssertionError):
    """Raised when a process ended before it wrote what was waited for; the text has its output."""


class Process:
    """A running child. It is killed when this process dies."""

    def __init__(
        self,
        name: str,
        backend: _Backend,
        stdin: asyncio.StreamWriter | None,
        stdout: asyncio.StreamReader,
        stderr: asyncio.StreamReader | None,
        on_line: Callable[[str], None],
    ) -> None:
        """Use `start` or `start_module`."""
        self.name = name
        self.pid = backend.pid
        self.stdout: list[str] = []  # complete lines so far
        self.stderr: list[str] = []
        self.lines: list[str] = []  # of both, in the order of their arrival
        self._backend = backend
        self._stdin = stdin
        self._on_line = on_line
        self._written = asyncio.Event()
        self._read_lines = 0  # of stdout, by `next_line`
        self._readers = {asyncio.create_task(self._read(stdout, self.stdout))}
        if stderr is not None:
            self._readers.add(asyncio.create_task(self._read(stderr, self.stderr)))

    @classmethod
    async def start(
        cls,
        *command: str | Path,
        name: str = "",
        env: Mapping[str, str] = _NOTHING,
        cwd: Path | None = None,
        stdin: bool = False,
        stderr: IO[bytes] | None = None,
        before_exec: Callable[[], None] = lambda: None,
        on_line: Callable[[str], None] = lambda line: None,
    ) -> Self:
        """Start any program.

        `env`: its settings; see `clean_environment` for what else it gets. `cwd`: an empty
        directory unless given. `stdin`: whether `write_line` may be used. `stderr`: a file to
        write it to instead of keeping it. `before_exec` runs in the child.
        """

        def prepare() -> None:
            prepare_child()
            before_exec()

        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=cwd or empty_directory(),
            env=clean_environment(env),
            stdin=PIPE if stdin else DEVNULL,
            stdout=PIPE,
            stderr=PIPE if stderr is None else stderr,
            limit=LONGEST_LINE,
            start_new_session=True,  # a Ctrl-C in the terminal is for the tests
            preexec_fn=prepare,  # it takes no lock that a thread may hold
        )
        assert process.stdout is not None
        name = name or " ".join(map(str, command))
        return cls(name, process, process.stdin, process.stdout, process.stderr, on_line)

    @classmethod
    async def start_module(
        cls,
        module: str,
        *arguments: str,
        name: str = "",
        env: Mapping[str, str] = _NOTHING,
        cwd: Path | None = None,
        fork: bool = CAN_FORK,
        on_line: Callable[[str], None] = lambda line: None,
    ) -> Self:
        """Start `python -m module arguments…` of this checkout.

        `fork`: from a process that has imported the libraries already (testing/fork_server.py).
        Settings of the interpreter (PYTHON…) take one that starts afresh.
        """
        name = name or module
        if not fork or any(setting.startswith("PYTHON") for setting in env):
            return await cls.start(
                *(sys.executable, "-m", module, *arguments),
                name=name,
                env=env,
                cwd=cwd,
                on_line=on_line,
            )
        request = Request(module, arguments, clean_environment(env), str(cwd or empty_directory()))
        backend, stdout, stderr = await _fork_server().fork(request)
        return cls(name, backend, None, stdout, stderr, on_line)

    @property
    def returncode(self) -> int | None:
        """As `subprocess.Popen` gives it: the exit status, minus a signal, or None."""
        return self._backend.returncode

    @property
    def running(self) -> bool:
        return self.returncode is None

    @property
    def output(self) -> str:
        """Standard output so far, as text: each line with its newline."""
        return _text(self.stdout)

    @property
    def errors(self) -> str:
        """Standard error so far, likewise."""
        return _text(self.stderr)

    def send(self, number: signal.Signals) -> None:
        """Send a signal; does nothing when the process is gone."""
        # Not by asyncio's own method: before Python 3.12.9 that may take the exit status itself.
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def write_line(self, text: str) -> None:
        """To its standard input."""
        assert self._stdin is not None, f"{self.name} was started without standard input"
        self._stdin.write(f"{text}\n".encode())

    async def next_line(self) -> str:
        """The first line of standard output that this has not given yet. Raises ProcessEnded."""
        unread = await self._until(lambda: self.stdout[self._read_lines :], "another line")
        self._read_lines += 1
        return unread[0]

    async def line_with(self, text: str, within: float = PATIENCE) -> str:
        """Wait for a line with this text in it; gives the line.

        Raises ProcessEnded, or TimeoutError after `within` seconds.
        """
        return (await self.match(re.escape(text), within)).string

    async def match(self, pattern: str, within: float = PATIENCE) -> re.Match[str]:
        """Wait for a line that has the pattern in it. Raises as `line_with` does."""
        async with asyncio.timeout(within):
            return await self._until(lambda: self._search(pattern), repr(pattern))

    async def wait(self) -> int:
        """Wait for the end, however long it takes; gives `returncode`."""
        return await self._backend.wait()

    async def ended(self, within: float = PATIENCE) -> int:
        """Wait for the end and the rest of the output; gives `returncode`."""
        async with asyncio.timeout(within):
            code = await self._backend.wait()
        _, unread = await asyncio.wait(self._readers, timeout=_DRAIN_WITHIN_S)
        for reader in unread:
            reader.cancel()
        if isinstance(self._backend, ForkedProcess):
            self._backend.close()
        if self._stdin is not None:
            self._stdin.close()
        return code

    async def stop(self, number: signal.Signals = signal.SIGTERM, within: float = PATIENCE) -> int:
        """Send the signal and wait for the end. Raises TimeoutError, and has killed it then."""
        self.send(number)
        try:
            return await self.ended(within)
        except TimeoutError:
            await self.kill()
            raise

    async def kill(self) -> None:
        """End it at once, as a crash would. Does nothing when it is gone already."""
        await self.stop(signal.SIGKILL)

    def _search(self, pattern: str) -> re.Match[str] | None:
        found = (re.search(pattern, line) for line in self.lines)
        return next(filter(None, found), None)

    async def _until(self, holds: Callable[[], T | None], what: str) -> T:
        while not (found := holds()):
            if all(reader.done() for reader in self._readers):
                written = "\n".join(self.lines)
                raise ProcessEnded(f"{self.name} ended without writing {what}:\n{written}")
            self._written.clear()
            await self._written.wait()
        return found

    async def _read(self, stream: asyncio.StreamReader, lines: list[str]) -> None:
        asyncio.current_task().add_done_callback(lambda _: self._written.set())  # type: ignore[union-attr]
        while True:
            try:
                raw = await stream.readline()
            except ValueError:  # longer than LONGEST_LINE
                continue
            if not raw:
                return
            line = raw.decode(errors="replace").rstrip("\r\n")
            lines.append(line)
            self.lines.append(line)
            self._on_line(line)
            self._written.set()


def _text(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def clean_environment(settings: Mapping[str, str] = _NOTHING) -> dict[str, str]:
    """What every child gets: the settings, how to find programs and this checkout, no more."""
    inherited = {
        name: text
        for name, text in os.environ.items()
        if name in _INHERITED or name.startswith("COVERAGE_")
    }
    own = {"HOME": str(empty_directory()), "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT)}
    return {**inherited, **own, **settings}


@cache
def empty_directory() -> Path:
    """A working directory without a `.env`, removed when this process ends."""
    folder = tempfile.TemporaryDirectory(prefix="grux-empty-")
    atexit.register(folder.cleanup)
    return Path(folder.name)


class _Backend(Protocol):
    """What `asyncio.subprocess.Process` and `ForkedProcess` have in common."""

    @property
    def pid(self) -> int: ...

    @property
    def returncode(self) -> int | None: ...

    async def wait(self) -> int: ...


@cache
def _fork_server() -> ForkServer:
    """This process's; it ends with it."""
    server = ForkServer(
        {name: text for name, text in clean_environment().items() if "COVERAGE" not in name}
    )
    atexit.register(server.close)
    return server
