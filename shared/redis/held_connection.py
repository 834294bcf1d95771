"""A Redis connection that is held: set up, read, pinged, and replaced when it is lost.

It is redis-py's bare connection. Its PubSub reconnects silently and loses what was published
meanwhile; here a lost connection is an event, and the subclass is told of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from msgspec import Struct
from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.exceptions import RedisError, ResponseError

from shared.redis.clients import is_loss
from shared.redis.connections import PacksInC
from shared.telemetry.metrics import REDIS_LOST

log = logging.getLogger(__name__)

Loop = Callable[[AbstractConnection], Coroutine[Any, Any, None]]

INVALIDATION_CHANNEL: Final = "__redis__:invalidate"  # Redis' own name


class ConnectionTimings(Struct, frozen=True, kw_only=True):
    """In seconds."""

    connect_timeout_s: float  # for connecting and setting up
    ping_interval_s: float  # between an answer and the next ping
    ping_timeout_s: float  # after a ping without any reply, the connection is lost
    reconnect_interval_s: float = 0.25  # a Redis that comes back is found at once


class ConnectionLost(Exception):
    """Raised by what uses the connection, to end it."""


class HeldConnection(ABC):
    """One connection to one server at a time, while `run` runs."""

    def __init__(self, pool: ConnectionPool, timings: ConnectionTimings, name: str) -> None:
        """`pool`: makes connections that retry nothing. `name`: in the log and the metric."""
        self._pool = pool
        self._timings = timings
        self._name = name
        self._losses = REDIS_LOST.labels(name)
        self._refusal = ""  # the last one in the log
        self._replies = 0
        self._pinged = 0.0  # time.monotonic()
        self._pong = asyncio.Event()

    async def run(self) -> None:
        """Hold a connection until cancelled."""
        while True:
            await self._hold_one()
            await asyncio.sleep(self._timings.reconnect_interval_s)

    @abstractmethod
    async def _on_connect(self, connection: AbstractConnection) -> None:
        """Set the connection up. Nothing else reads from it yet."""

    @abstractmethod
    def _on_reply(self, reply: list[Any]) -> None:
        """Handle anything but the answer to a ping. Must not block."""

    def _on_pong(self, pinged: float) -> None:  # noqa: B027 (of use to some only)
        """A ping that was sent at `pinged` (time.monotonic()) has been answered."""

    @abstractmethod
    def _on_disconnect(self) -> None:
        """The connection is lost, or could not be set up."""

    def _loops(self) -> tuple[Loop, ...]:
        """What runs once the connection is set up. The first one to end ends the connection."""
        return (self._read, self._ping)

    async def _hold_one(self) -> None:
        connection: AbstractConnection = self._pool.make_connection()  # type: ignore[no-untyped-call]
        # Not a TaskGroup: before Python 3.13 one that is failing swallows its own cancellation.
        tasks: list[asyncio.Task[None]] = []
        try:
            async with asyncio.timeout(self._timings.connect_timeout_s):
                await connection.connect()  # type: ignore[no-untyped-call]
                await self._on_connect(connection)
            self._refusal = ""
            tasks = [asyncio.create_task(loop(connection)) for loop in self._loops()]
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except (RedisError, OSError, ConnectionLost, TimeoutError, RuntimeError) as cause:
            if not is_loss(cause):
                raise
            self._log(cause, was_set_up=bool(tasks))
        finally:
            for task in tasks:
                task.cancel()
            self._on_disconnect()
            await asyncio.gather(*tasks, return_exceptions=True)
            with contextlib.suppress(RedisError, OSError, RuntimeError):
                await connection.disconnect(nowait=True)

    async def _read(self, connection: AbstractConnection) -> None:
        while True:
            self._handle(await connection.read_response(timeout=math.inf))
            if isinstance(connection, PacksInC):
                for reply in connection.arrived():
                    self._handle(reply)

    def _handle(self, reply: list[Any]) -> None:
        self._replies += 1
        if reply[0] == b"pong":
            self._on_pong(self._pinged)
            self._pong.set()
        else:
            self._on_reply(reply)

    async def _ping(self, connection: AbstractConnection) -> None:
        """A connection may break without a sign: ping, and end it when nothing comes back."""
        while True:
            self._pong.clear()
            self._pinged = time.monotonic()
            async with asyncio.timeout(self._timings.ping_timeout_s):  # a full send buffer blocks
                await send(connection, "PING")
            await self._answered()
            await asyncio.sleep(self._timings.ping_interval_s)

    async def _answered(self) -> None:
        """Wait for the pong. Other replies count as signs of life: it may stand behind many."""
        timeout_s = self._timings.ping_timeout_s
        while not self._pong.is_set():
            before = self._replies
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await self._pong.wait()
            if self._replies == before:
                raise ConnectionLost(f"no answer for {timeout_s:g} s")

    def _log(self, cause: Exception, *, was_set_up: bool) -> None:
        """Once for each loss, and for each new reason why Redis refuses."""
        if was_set_up:
            self._losses.inc()
            why = str(cause) if isinstance(cause, ConnectionLost) else type(cause).__name__
            log.warning("%s: the connection to Redis is lost (%s)", self._name, why)
        elif isinstance(cause, ResponseError) and str(cause) != self._refusal:
            self._refusal = str(cause)
            log.warning("%s: Redis refuses the connection (%s)", self._name, cause)


async def send(connection: AbstractConnection, *command: str) -> None:
    """Send a command whose answer the reading loop gets. Raises ConnectionLost."""
    if not connection.is_connected:  # redis-py would reconnect, without what was set up
        raise ConnectionLost("the connection is closed")
    await connection.send_command(*command, check_health=False)


async def ask(connection: AbstractConnection, *command: object) -> Any:
    """Send a command and wait for its answer, while nothing else reads from the connection.

    A message that comes before the answer is skipped: the connection is being set up, and nothing
    has been loaded yet that the message could change.
    """
    await connection.send_command(*command, check_health=False)
    while True:
        reply = await connection.read_response(timeout=math.inf)
        if not isinstance(reply, list) or reply[:1] not in ([b"message"], [b"smessage"]):
            return reply


async def report_changes(connection: AbstractConnection, prefixes: Sequence[str]) -> None:
    """From when this returns, Redis sends the names of all keys with these prefixes that change.

    CLIENT TRACKING in broadcasting mode, sent to the connection itself: one message on
    INVALIDATION_CHANNEL for each prefix and turn of Redis' loop. Raises ResponseError where Redis
    does not permit it.
    """
    own_id = await ask(connection, "CLIENT", "ID")
    words = [word for prefix in prefixes for word in ("PREFIX", prefix)]
    await ask(connection, "CLIENT", "TRACKING", "ON", "REDIRECT", own_id, "BCAST", *words)
    await ask(connection, "SUBSCRIBE", INVALIDATION_CHANNEL)
