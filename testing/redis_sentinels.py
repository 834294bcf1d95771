"""A Redis with a replica, and three Sentinels that name the other one when it is gone."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from pathlib import Path
from typing import Self

from redis.asyncio import Redis

from testing.eventually import PATIENCE, eventually_async
from testing.free_port import free_port
from testing.redis_server import RedisServer

SERVICE = "grux"
NOTICED_AFTER = 500  # ms without an answer
QUICK = ("--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1")


class RedisSentinels:
    """`async with RedisSentinels() as redis:` starts them and ends them."""

    def __init__(self) -> None:
        self.first = RedisServer(*QUICK)
        self.second = RedisServer(*QUICK, "--replicaof", "127.0.0.1", str(self.first.port))
        self._folder = tempfile.TemporaryDirectory(prefix="sentinels-")
        self._sentinels = [self._sentinel() for _ in range(3)]
        self._running = contextlib.AsyncExitStack()

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{one.port}" for one in self._sentinels)
        return f"redis+sentinel://{hosts}/{SERVICE}"

    async def __aenter__(self) -> Self:
        try:
            for server in (self.first, self.second, *self._sentinels):
                await self._running.enter_async_context(server)
            async with asyncio.timeout(PATIENCE):
                await eventually_async(self._all_know_each_other)
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._running.aclose()
        self._folder.cleanup()

    async def fail_over(self) -> None:
        """Without a fault: the Sentinels swap the two, and end the connections of the old one."""
        async with Redis(port=self._sentinels[0].port) as sentinel:
            await sentinel.sentinel_failover(SERVICE)

    async def is_master(self, server: RedisServer) -> bool:
        """Whether the Sentinels name it."""
        async with Redis(port=self._sentinels[0].port) as sentinel:
            answer = await sentinel.sentinel_master(SERVICE, return_responses=True)
        return _fields(answer)["port"] == server.port

    def _sentinel(self) -> RedisServer:
        """It rewrites its file, so each has its own."""
        port = free_port()
        file = Path(self._folder.name) / f"{port}.conf"
        file.write_text(
            f"port {port}\nbind 127.0.0.1\n"
            f"sentinel monitor {SERVICE} 127.0.0.1 {self.first.port} 2\n"
            f"sentinel down-after-milliseconds {SERVICE} {NOTICED_AFTER}\n"
            f"sentinel failover-timeout {SERVICE} 2000\n"
        )
        return RedisServer(port=port, sentinel=file)

    async def _all_know_each_other(self) -> bool:
        for one in self._sentinels:
            async with Redis(port=one.port) as sentinel:
                found = _fields(await sentinel.sentinel_master(SERVICE, return_responses=True))
            if found["num-slaves"] != 1 or found["num-other-sentinels"] != 2:
                return False
        return True


def _fields(answer: object) -> dict[str, int]:
    assert isinstance(answer, dict)
    return answer
