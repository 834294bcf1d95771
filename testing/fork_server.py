"""Starts Python processes by fork, from one that has imported the libraries already.

A gateway spends most of its start on importing hikari. A forked one is still a process of its
own, with its own pid, signals, environment, output and exit status, and it imports Grux's own
modules afresh: only third-party modules are shared. Linux only (pidfd).

`ForkServer` is the client. The server is `python -m testing.fork_server <socket>`. It runs until
its client closes the socket; killed, it takes its children with it.
"""

from __future__ import annotations

import array
import asyncio
import contextlib
import gc
import importlib
import os
import runpy
import selectors
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import msgspec

from services.run.child_process import end_with_parent

ROOT: Final = Path(__file__).parents[1]

_LIBRARIES: Final = (
    *("services.gateway.discord", "hikari.impl.shard"),  # the first decides how hikari is imported
    *("aiohttp", "aiohttp.web", "redis.asyncio", "redis.asyncio.cluster"),
    *("websockets.asyncio.server", "websockets.asyncio.client", "uvicorn", "httptools"),
    *("uvicorn.protocols.http.httptools_impl", "uvicorn.loops.auto", "starlette.applications"),
    *("starlette.middleware", "starlette.routing", "starlette.responses"),
    *("prometheus_client.core", "msgspec", "dotenv", "cachetools", "uvloop"),
)
LONGEST_LINE: Final = 1 << 20  # bytes of a child's output
_HEADER: Final = struct.Struct("!I")  # bytes of the request that follows
_FDS: Final = 4  # that come with a request: standard input, output, error; where the status goes


class Request(msgspec.Struct, frozen=True):
    """`python -m module arguments…` in this directory, with this environment and no other."""

    module: str
    arguments: tuple[str, ...]
    env: dict[str, str]
    cwd: str


def prepare_child() -> None:
    """A `preexec_fn`: the child ends with its parent, and a Ctrl-C means what it always does.

    A shell lets background jobs ignore SIGINT, and they pass that on to all that they start.
    """
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class ForkServer:
    """The client's side: one server process, started at once."""

    def __init__(self, env: Mapping[str, str]) -> None:
        """`env`: the server's own environment; children have that of their request."""
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "testing.fork_server", str(theirs.fileno())],
                cwd=ROOT,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                preexec_fn=prepare_child,  # noqa: PLW1509 (it takes no lock a thread may hold)
            )

    async def fork(
        self, request: Request
    ) -> tuple[ForkedProcess, asyncio.StreamReader, asyncio.StreamReader]:
        """Start a child. Gives it with its standard output and error; its input is empty."""
        with ExitStack() as ours, open(os.devnull, "rb") as nothing:  # noqa: ASYNC230 (no file)
            readers: list[asyncio.StreamReader] = []
            pipes: list[asyncio.ReadTransport] = []
            theirs = [nothing.fileno()]
            for _ in ("stdout", "stderr", "status"):
                near, far = os.pipe()
                ours.callback(os.close, far)
                theirs.append(far)
                reader = asyncio.StreamReader(limit=LONGEST_LINE)
                pipes.append(await _connect(near, reader))
                readers.append(reader)
            self._request(request, theirs)
        stdout, stderr, status = readers
        pid = await status.readline()
        assert pid, "the fork server died"
        return ForkedProcess(int(pid), status, pipes), stdout, stderr

    def _request(self, request: Request, fds: Sequence[int]) -> None:
        """`fds`: standard input, output, error, and where the pid and the status go.

        The last one gets two lines: the pid, and at the end what `os.waitstatus_to_exitcode`
        makes of the status. Raises OSError when the server is gone.
        """
        message = msgspec.json.encode(request)
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))]
        self._socket.sendmsg([_HEADER.pack(len(message))], rights)
        self._socket.sendall(message)

    def close(self) -> None:
        """End it; children that still run are killed."""
        self._socket.close()
        self._process.wait()


class ForkedProcess:
    """A child of the fork server, which reports its end."""

    def __init__(
        self, pid: int, status: asyncio.StreamReader, pipes: Sequence[asyncio.ReadTransport]
    ) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._pipes = pipes
        self._waiting = asyncio.create_task(self._wait(status))

    async def wait(self) -> int:
        await asyncio.shield(self._waiting)
        assert self.returncode is not None
        return self.returncode

    def close(self) -> None:
        """Close what a grandchild may have left open."""
        for pipe in self._pipes:
            pipe.close()

    async def _wait(self, status: asyncio.StreamReader) -> None:
        line = await status.readline()
        self.returncode = int(line) if line else -signal.SIGKILL  # the server died, and so it


async def _connect(fd: int, reader: asyncio.StreamReader) -> asyncio.ReadTransport:
    loop = asyncio.get_running_loop()
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _ = await loop.connect_read_pipe(lambda: protocol, os.fdopen(fd, "rb", 0))
    return transport


class _Server:
    """Forks on request, and reports how children ended."""

    def __init__(self, requests: socket.socket) -> None:
        self._requests = requests
        self._selector = selectors.DefaultSelector()
        self._selector.register(requests, selectors.EVENT_READ)
        self._children: dict[int, tuple[int, int]] = {}  # pid and status pipe, by pidfd

    def serve(self) -> Request | None:
        """Return in each child what it is to run, and None in the server at its end."""
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is not self._requests:
                    self._report(key.fd)
                    continue
                try:
                    request, fds = _receive(self._requests)
                except EOFError:
                    return None
                if self._fork(fds):
                    return request

    def _fork(self, fds: list[int]) -> bool:
        """Whether this is the child."""
        *standard, status = fds
        server = os.getpid()
        pid = os.fork()
        if pid == 0:
            end_with_parent()
            if os.getppid() != server:
                os._exit(1)
            os.setsid()
            for number, fd in enumerate(standard):
                os.dup2(fd, number)
            self._close_in_child([*fds])
            return True
        for fd in standard:
            os.close(fd)
        with contextlib.suppress(BrokenPipeError):
            os.write(status, f"{pid}\n".encode())
        pidfd = os.pidfd_open(pid)
        self._children[pidfd] = pid, status
        self._selector.register(pidfd, selectors.EVENT_READ)
        return False

    def _report(self, pidfd: int) -> None:
        pid, status_pipe = self._children.pop(pidfd)
        self._selector.unregister(pidfd)
        os.close(pidfd)
        _, status = os.waitpid(pid, 0)
        with contextlib.suppress(BrokenPipeError):  # the client does not wait for it any more
            os.write(status_pipe, f"{os.waitstatus_to_exitcode(status)}\n".encode())
        os.close(status_pipe)

    def _close_in_child(self, fds: list[int]) -> None:
        self._selector.close()
        self._requests.close()
        for pidfd, (_, status) in self._children.items():
            fds += [pidfd, status]
        for fd in fds:
            os.close(fd)


def _receive(requests: socket.socket) -> tuple[Request, list[int]]:
    """Raises EOFError when the client has gone."""
    size = array.array("i").itemsize
    header, rights, *_ = requests.recvmsg(_HEADER.size, socket.CMSG_LEN(_FDS * size))
    if not header:
        raise EOFError
    fds = array.array("i")
    for _, _, data in rights:
        fds.frombytes(data[: len(data) - len(data) % size])
    (left,) = _HEADER.unpack(header)
    message = b""
    while left > len(message):
        message += requests.recv(left - len(message))
    return msgspec.json.decode(message, type=Request), fds.tolist()


def _become(request: Request) -> Callable[[], object]:
    """Make of this child what `python -m` would be; gives what runs the module."""
    os.environ.clear()
    os.environ.update(request.env)
    os.chdir(request.cwd)
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        buffering = 1 if name == "stderr" else -1
        errors = "backslashreplace" if name == "stderr" else "strict"
        stream = open(  # noqa: SIM115 (it lives as long as the process)
            number, mode, buffering, encoding="utf-8", errors=errors, closefd=False
        )
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    sys.path[0] = request.cwd
    sys.argv = [request.module, *request.arguments]
    if "COVERAGE_PROCESS_CONFIG" in request.env:  # as in an interpreter that starts afresh
        importlib.import_module("coverage").process_startup()
    return lambda: runpy.run_module(request.module, run_name="__main__", alter_sys=True)


def main(descriptor: int) -> Callable[[], object] | None:
    for library in _LIBRARIES:
        with contextlib.suppress(ImportError):  # uvloop is not made for every platform
            importlib.import_module(library)
    for name in [name for name in sys.modules if name.partition(".")[0] in ("services", "shared")]:
        del sys.modules[name]  # children import them afresh
    gc.freeze()
    request = _Server(socket.socket(fileno=descriptor)).serve()
    return _become(request) if request is not None else None


if __name__ == "__main__":
    run = main(int(sys.argv[1]))
    if run is not None:
        run()  # here, so that its end is the interpreter's: exit status, traceback and atexit
