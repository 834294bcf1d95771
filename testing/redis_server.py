"""A real redis-server that may be killed, paused and started again on the same port."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Self

from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.run import redis_binary
from services.run.child_process import end_with_parent
from testing.eventually import PATIENCE
from testing.free_port import free_port


class RedisServer:
    """One redis-server on 127.0.0.1; the port stays the same over restarts.

    `async with RedisServer() as server:` starts it and ends it, whatever state it is in.
    """

    def __init__(
        self,
        *arguments: str,
        port: int = 0,
        sentinel: Path | None = None,
        account: str = "",
        binary: str = "",
        before_exec: Callable[[], None] = lambda: None,
    ) -> None:
        """`arguments`: more of them, for redis-server's command line. `binary`: another server
        that is started in its place.

        `sentinel`: a file that makes a Sentinel of it, on that `port`. `account`: `name:password`
        of a user that may do everything. `before_exec` runs in the child.
        """
        self.port = port or free_port()
        self._arguments = arguments
        self._sentinel = sentinel
        self._account = f"{account}@" if account else ""
        self._binary = binary
        self._before_exec = before_exec
        self._folder = Path(tempfile.mkdtemp(prefix="redis-"))
        self._log = self._folder / "log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://{self._account}127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        assert self._process is not None, "redis-server does not run"
        return self._process.pid

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def client(self) -> Redis:
        """A connection of the caller's own, past every proxy. Use it as a context manager."""
        return Redis.from_url(self.url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE)

    async def execute(self, *command: str | int) -> None:
        """Run one command."""
        async with self.client() as redis:
            await redis.execute_command(*command)  # type: ignore[no-untyped-call]

    async def start(self) -> None:
        """Return when it answers. Raises RuntimeError with its log when it ends instead."""
        self._process = self._launch()
        async with asyncio.timeout(PATIENCE):
            while not await self._answers():
                if self._process.poll() is not None:
                    raise RuntimeError(f"redis-server ended at once:\n{self._log.read_text()}")
                await asyncio.sleep(0.01)

    async def kill(self) -> None:
        """End it at once, as a crash would: only what `SAVE` wrote is kept.

        Does nothing when it is gone already.
        """
        if self._process is not None:
            self._process.kill()  # ends a paused one as well
            self._process.wait()
            self._process = None

    async def restart(self, empty: bool = True) -> None:
        """Kill it and start it on the same port: with nothing in it, or with what it held."""
        if empty:
            self.delete_dump()
        elif self._process is not None:
            await self.execute("SAVE")
        await self.kill()
        await self.start()

    def delete_dump(self) -> None:
        """Delete what `SAVE` wrote: the next start finds nothing."""
        (self._folder / "dump.rdb").unlink(missing_ok=True)

    async def pause(self) -> None:
        """Stop answering, with every connection left open."""
        self._signal(signal.SIGSTOP)

    async def resume(self) -> None:
        self._signal(signal.SIGCONT)

    async def flush(self) -> None:
        """Delete every key."""
        await self.execute("FLUSHALL")

    def _launch(self) -> subprocess.Popen[bytes]:
        """Without asyncio: the shared server outlives the event loops of the tests."""

        def prepare() -> None:
            end_with_parent()
            self._before_exec()

        return subprocess.Popen(
            [self._binary or _binary(), *self._command_line()],
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # a Ctrl-C in the terminal is for the tests
            preexec_fn=prepare,  # noqa: PLW1509 (it takes no lock that a thread may hold)
        )

    def _command_line(self) -> list[str]:
        log = ["--logfile", str(self._log)]
        if self._sentinel is not None:
            return [str(self._sentinel), "--sentinel", *log]
        address = ["--bind", "127.0.0.1", "--port", str(self.port)]
        nothing_kept = ["--save", "", "--appendonly", "no", "--dir", str(self._folder)]
        return [*address, *nothing_kept, *log, *self._arguments]

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    async def _answers(self) -> bool:
        """Whether it is this process that answers: the port might have gone to another one."""
        assert self._process is not None
        try:
            async with Redis.from_url(self.url, socket_connect_timeout=1.0) as redis:
                server = await redis.info("server")
        except (RedisError, OSError):
            return False
        return bool(server["process_id"] == self._process.pid)


def _binary() -> str:
    found = os.environ.get("REDIS_SERVER") or redis_binary.find()
    if found is None:
        raise RuntimeError("no redis-server: type `make test`, or install one (apt, brew)")
    return found
