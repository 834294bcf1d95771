"""The Redis commands of each service: MONITOR lists them, and a relay per service tells whose."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from redis.asyncio import Redis

from testing.eventually import eventually


class RedisCalls:
    """Created by `monitored`."""

    def __init__(self, redis_port: int, relays: AsyncExitStack) -> None:
        self.commands: list[dict[str, Any]] = []
        self.scripts_come_last = False
        self._redis_port = redis_port
        self._relays = relays
        self._ports: dict[str, int] = {}  # of each service's relay
        self._whose: dict[str, str] = {}  # service by the port from which its relay connects
        self._tasks: set[asyncio.Task[None]] = set()

    async def through_relay(self, url: str, service: str) -> str:
        """The Redis URL for this service, by which its commands are recognized."""
        if service not in self._ports:

            async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await self._serve(service, reader, writer)

            server = await asyncio.start_server(serve, "127.0.0.1", 0)
            self._relays.callback(server.close)
            self._ports[service] = server.sockets[0].getsockname()[1]
        return url.replace(f":{self._redis_port}/", f":{self._ports[service]}/")

    def of(self, service: str) -> set[str]:
        """The commands of a service and of its scripts, as an ACL names them.

        MONITOR lists the commands of a script right after it; from Redis 7 on, right before it.
        """
        found: set[str] = set()
        whose = None
        for one in reversed(self.commands) if self.scripts_come_last else self.commands:
            if one["client_type"] != "lua":
                whose = self._whose.get(one["client_port"])
            if whose == service:
                found |= names(one["command"])
        return found

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(
        self, service: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        to_redis = await asyncio.open_connection("127.0.0.1", self._redis_port)
        self._whose[str(to_redis[1].get_extra_info("sockname")[1])] = service
        for source, sink in ((reader, to_redis[1]), (to_redis[0], writer)):
            self._tasks.add(asyncio.create_task(_pass_on(source, sink)))


@asynccontextmanager
async def monitored(redis: Redis, redis_port: int) -> AsyncIterator[RedisCalls]:
    """Record until the block ends. `redis`: a client with all permissions."""
    async with AsyncExitStack() as relays, redis.monitor() as monitor:
        calls = RedisCalls(redis_port, relays)
        relays.push_async_callback(calls.close)

        async def hear() -> None:
            async for one in monitor.listen():
                calls.commands.append(one)

        hearing = asyncio.create_task(hear())
        try:
            await redis.eval("return redis.call('ECHO', 'inside')", 0)
            await eventually(lambda: "ECHO inside" in [one["command"] for one in calls.commands])
            told = [one["command"].partition(" ")[0] for one in calls.commands]
            calls.scripts_come_last = "EVAL" not in told[: told.index("ECHO")]
            yield calls
        finally:
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)


def names(command: str) -> set[str]:
    """The ACL's name of a command: `CLIENT ID` is `client|id`, if only that one is granted."""
    words = command.lower().split(" ")
    return {words[0], "|".join(words[:2])}


def granted(acl: str, user: str) -> set[str]:
    """The commands granted to this user in the file, including those of its selectors."""
    [line] = [line for line in acl.splitlines() if line.startswith(f"user {user} ")]
    return {word.strip("()")[1:] for word in line.split() if word.strip("()").startswith("+")}


async def _pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65536):
            sink.write(data)
    except OSError:
        pass
    finally:
        sink.close()
