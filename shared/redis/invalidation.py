"""Redis tells which users have changed: what a memory of their answers is kept true by.

One connection asks for the names of all keys that change (CLIENT TRACKING, broadcasting mode) and
has them sent to itself. It is a bare connection, not redis-py's PubSub: that one reconnects
without a word, and what changed meanwhile would never be told.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Sequence
from typing import Final, Protocol

from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.exceptions import RedisError, ResponseError

from shared.redis import keys
from shared.redis.store import LONGEST_ID, is_loss
from shared.telemetry.metrics import REDIS_LOST

log = logging.getLogger(__name__)

TRUE_FOR: Final = 2.0  # seconds: no answer from memory is older, whatever becomes of the line
PING_EVERY: Final = 0.5  # seconds
RECONNECT_EVERY: Final = 0.25  # seconds
_LOST: Final = REDIS_LOST.labels("tracking")
_CHANNEL: Final = "__redis__:invalidate"  # Redis' own name
_PREFIXES: Final = [key(0).removesuffix("0}") for key in (keys.presence, keys.profile)]


class InvalidationHandler(Protocol):
    """Whose memory it is. Called from the reading loop, in the order of the line."""

    def proved(self, until: float) -> None:
        """Every change is told; what is in memory is true until then (time.monotonic())."""

    def changed(self, user_id: int) -> None:
        """Something of this user's has changed, or is gone."""

    def flushed(self) -> None:
        """All of Redis is gone."""

    def cut(self) -> None:
        """Changes may be missed: nothing in memory is known to be true until `proved`."""


class ConnectionLost(Exception):
    """Raised inside a line to end it."""


class InvalidationStream:
    """One line, to one server."""

    def __init__(self, pool: ConnectionPool, listener: InvalidationHandler) -> None:
        """`pool`: makes connections that retry nothing."""
        self._pool = pool
        self._listener = listener
        self._standing = False
        self._refused = ""
        self._asked = 0.0
        self._answered = asyncio.Event()

    async def run(self) -> None:
        """Hold the line until cancelled."""
        while True:
            await self._one_line()
            await asyncio.sleep(RECONNECT_EVERY)

    async def _one_line(self) -> None:
        """From a connection's first word to its end."""
        connection: AbstractConnection = self._pool.make_connection()  # type: ignore[no-untyped-call]
        tasks: list[asyncio.Task[None]] = []
        try:
            async with asyncio.timeout(TRUE_FOR):
                await _begin(connection)
            self._standing, self._refused = True, ""
            tasks = [asyncio.create_task(work(connection)) for work in (self._read, self._prove)]
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except (RedisError, OSError, ConnectionLost, TimeoutError, RuntimeError) as cause:
            if not is_loss(cause):
                raise
            self._complain(cause)
        finally:
            self._standing = False
            self._listener.cut()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            with contextlib.suppress(RedisError, OSError, RuntimeError):
                await connection.disconnect(nowait=True)

    async def _read(self, connection: AbstractConnection) -> None:
        """A message names all keys of one prefix that changed in one turn of Redis' loop."""
        while True:
            match await connection.read_response(timeout=math.inf):
                case [b"message", _, None]:
                    self._listener.flushed()
                case [b"message", _, [*names]]:
                    self._tell(names)
                case [b"pong", _]:
                    # It stands behind every change that Redis made before it read the ping.
                    self._listener.proved(self._asked + TRUE_FOR)
                    self._answered.set()

    def _tell(self, names: Sequence[bytes]) -> None:
        changed = self._listener.changed
        for name in names:
            user_id = name[name.index(b"{") + 1 : -1]
            if user_id.isdigit() and len(user_id) <= LONGEST_ID:
                changed(int(user_id))

    async def _prove(self, connection: AbstractConnection) -> None:
        """A line may die without a word: ask, and end it when nothing comes back."""
        while True:
            if not connection.is_connected:  # to send would be to connect anew, untracked
                raise ConnectionLost("the connection is closed")
            self._answered.clear()
            self._asked = time.monotonic()
            async with asyncio.timeout(TRUE_FOR):
                await connection.send_command("PING", check_health=False)
                await self._answered.wait()
            await asyncio.sleep(PING_EVERY)

    def _complain(self, cause: Exception) -> None:
        """Once for each time that it makes a difference."""
        if self._standing:
            _LOST.inc()
            log.warning("tracking: the line to Redis is cut (%s)", type(cause).__name__)
        elif isinstance(cause, ResponseError) and str(cause) != self._refused:
            self._refused = str(cause)
            log.warning("tracking: Redis refuses (%s), so every read goes to Redis", cause)


async def _begin(connection: AbstractConnection) -> None:
    """When this returns, every change from now on comes over this connection."""
    await connection.connect()  # type: ignore[no-untyped-call]
    own_id = await _asked(connection, "CLIENT", "ID")
    prefixes = [word for prefix in _PREFIXES for word in ("PREFIX", prefix)]
    await _asked(connection, "CLIENT", "TRACKING", "ON", "REDIRECT", own_id, "BCAST", *prefixes)
    await _asked(connection, "SUBSCRIBE", _CHANNEL)


async def _asked(connection: AbstractConnection, *command: object) -> object:
    await connection.send_command(*command, check_health=False)
    return await connection.read_response(timeout=math.inf)
