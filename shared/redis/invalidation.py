"""Redis reports which users have changed, so that a cache of their answers can be trusted.

One connection asks for the names of all keys that change (CLIENT TRACKING, broadcasting mode) and
has them sent to itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol

from redis.asyncio.connection import AbstractConnection, ConnectionPool

from shared.redis import keys
from shared.redis.held_connection import ConnectionTimings, HeldConnection, report_changes

VALIDITY_S: Final = 2.0  # no cached answer is older, whatever happens to the connection
TIMINGS: Final = ConnectionTimings(
    connect_timeout_s=VALIDITY_S, ping_interval_s=0.5, ping_timeout_s=VALIDITY_S
)
_PREFIXES: Final = [key(0).removesuffix("0}") for key in (keys.presence, keys.profile)]


class InvalidationHandler(Protocol):
    """A cache. Called from the reading loop, in the order of the messages: must not block."""

    def confirmed(self, until: float) -> None:
        """All changes so far were reported: the cache is valid until then (time.monotonic())."""

    def changed(self, user_id: int) -> None:
        """Something of this user's has changed, or is gone."""

    def flushed(self) -> None:
        """All of Redis is gone."""

    def on_disconnect(self) -> None:
        """Changes may be missed: the cache is not valid until `confirmed`."""


class InvalidationStream(HeldConnection):
    """Reports the changes in one server while `run` runs."""

    def __init__(
        self,
        pool: ConnectionPool,
        listener: InvalidationHandler,
        *,
        timings: ConnectionTimings = TIMINGS,
    ) -> None:
        """`pool`: makes connections that retry nothing."""
        super().__init__(pool, timings, "invalidation")
        self._listener = listener

    async def _on_connect(self, connection: AbstractConnection) -> None:
        """When this returns, every change from now on is reported over this connection."""
        await report_changes(connection, _PREFIXES)

    def _on_reply(self, reply: list[Any]) -> None:
        """A message names all keys of one prefix that changed in one turn of Redis' loop."""
        match reply:
            case [b"message", _, None]:
                self._listener.flushed()
            case [b"message", _, [*names]]:
                self._report(names)

    def _report(self, names: Sequence[bytes]) -> None:
        changed = self._listener.changed
        for name in names:
            user_id = keys.user_of(name)
            if user_id is not None:
                changed(user_id)

    def _on_pong(self, pinged: float) -> None:
        """The answer stands behind every change that Redis made before it read the ping."""
        self._listener.confirmed(pinged + VALIDITY_S)

    def _on_disconnect(self) -> None:
        self._listener.on_disconnect()
