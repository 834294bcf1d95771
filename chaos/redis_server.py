"""The real Redis of a run, and every way in which it can go wrong."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import RedisError

from chaos.ports import free_port
from services.run import redis_binary
from services.run.parent_death import end_with_parent

START_WITHIN = 10.0  # seconds


class RedisServer:
    """One redis-server on 127.0.0.1; the port stays the same over restarts."""

    def __init__(self) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="chaos-redis-"))
        self._process: subprocess.Popen[bytes] | None = None

    def client(self) -> Redis:
        """A connection past every link."""
        return Redis.from_url(f"redis://127.0.0.1:{self.port}/0", socket_timeout=5.0)

    async def start(self) -> None:
        """Return when it answers. Raises RuntimeError when it does not."""
        process = self._process = self._launch()
        async with asyncio.timeout(START_WITHIN):
            while not await self._answers():
                if process.poll() is not None:
                    raise RuntimeError(f"redis-server ended: {(self.folder / 'log').read_text()}")
                await asyncio.sleep(0.02)

    async def kill(self) -> None:
        """End it at once; what it held is gone, unless it was `save`d."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    async def close(self) -> None:
        await self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def pause(self) -> None:
        """Stop answering, with every connection left open."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    async def run(self, *command: str | int) -> None:
        """One command, past every link."""
        async with self.client() as redis:
            await redis.execute_command(*command)  # type: ignore[no-untyped-call]

    def forget_saved(self) -> None:
        """The next start finds nothing."""
        (self.folder / "dump.rdb").unlink(missing_ok=True)

    def _launch(self) -> subprocess.Popen[bytes]:
        found = redis_binary.find()
        if found is None:
            raise RuntimeError("no redis-server: `make test` brings one, or install one")
        return subprocess.Popen(  # noqa: S603 (what it starts is named here)
            [
                found,
                *("--bind", "127.0.0.1", "--port", str(self.port)),
                *("--save", "", "--appendonly", "no", "--dir", str(self.folder)),
                *("--logfile", str(self.folder / "log")),
            ],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=end_with_parent,  # noqa: PLW1509 (it takes no lock that a thread may hold)
        )

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    async def _answers(self) -> bool:
        try:
            async with self.client() as redis:
                return bool(await redis.ping())
        except (RedisError, OSError):
            return False
