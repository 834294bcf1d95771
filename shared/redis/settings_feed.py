"""Tells whose settings have changed: what UserSettingsStore publishes in the durable Redis.

As everywhere: subscribe, then load, then follow; a lost connection is noticed, and everything is
loaded again (held_connection.py).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, Final, Protocol, Self

from redis.asyncio.connection import AbstractConnection, ConnectionPool

from shared.redis import clients, keys
from shared.redis.held_connection import ConnectionTimings, HeldConnection, ask
from shared.redis.url import parse

TIMINGS: Final = ConnectionTimings(connect_timeout_s=5.0, ping_interval_s=2.0, ping_timeout_s=2.0)
CONNECT_TIMEOUT_S: Final = 1.0


class SettingsListener(Protocol):
    """Called from the reading loop: must not block."""

    def changed(self, user_id: int) -> None:
        """The user's settings may have changed."""

    def all_changed(self) -> None:
        """Everybody's may have: the feed is connected, or a backup was restored."""


class SettingsFeed(HeldConnection):
    """Holds a connection while `run` runs."""

    def __init__(
        self,
        pools: Sequence[ConnectionPool],
        listener: SettingsListener,
        timings: ConnectionTimings = TIMINGS,
    ) -> None:
        """`pools`: used in turn; each makes connections that retry nothing."""
        super().__init__(pools[0], timings, "settings")
        self._pools = itertools.cycle([*pools[1:], pools[0]])
        self._listener = listener

    @classmethod
    def connect(
        cls, url: str, listener: SettingsListener, timings: ConnectionTimings = TIMINGS
    ) -> Self:
        """`url`: of the durable Redis. Any node of a cluster gets what is published in it."""
        target = parse(url)
        if target.kind != "cluster":
            return cls([clients.single_pool(url, timeout=CONNECT_TIMEOUT_S)], listener, timings)
        nodes = [
            clients.server_pool(target, host, timeout=CONNECT_TIMEOUT_S) for host in target.hosts
        ]
        return cls(nodes, listener, timings)

    async def _on_connect(self, connection: AbstractConnection) -> None:
        await ask(connection, "SUBSCRIBE", keys.SETTINGS_CHANNEL)
        self._listener.all_changed()

    def _on_reply(self, reply: list[Any]) -> None:
        kind, _, data = reply
        if kind != b"message":
            return
        if keys.is_id(data):
            self._listener.changed(int(data))
        else:
            self._listener.all_changed()

    def _on_disconnect(self) -> None:
        """What is known goes on. The next connection loads everything, from another node if there
        are several."""
        self._pool = next(self._pools)
