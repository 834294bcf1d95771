"""Updates of the subscribed users, over one Redis connection that is never replaced silently."""

from __future__ import annotations

import asyncio
import logging
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, Protocol, Self

from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.exceptions import ResponseError

from shared.model.message import PresenceMessage, decode_message
from shared.redis import clients, keys
from shared.redis.held_connection import (
    INVALIDATION_CHANNEL,
    ConnectionLost,
    ConnectionTimings,
    HeldConnection,
    Loop,
    ask,
    report_changes,
    send,
)
from shared.redis.store import StoreUnavailable

log = logging.getLogger(__name__)

TIMINGS: Final = ConnectionTimings(connect_timeout_s=5.0, ping_interval_s=5.0, ping_timeout_s=5.0)
CONTROL_CHANNEL: Final = keys.CONTROL_CHANNEL.encode()
"""Always subscribed: it also lets the connection be pinged while there are no users."""

LOG_INTERVAL_S: Final = 60.0
_BATCH_CHANNELS: Final = 500  # in one SUBSCRIBE
_INVALIDATIONS: Final = INVALIDATION_CHANNEL.encode()


class UpdateHandler(Protocol):
    """Called from the reading loop: must not block."""

    def updated(self, user_id: int, update: PresenceMessage) -> None:
        """A message arrived for a subscribed user."""

    def joined(self, user_id: int) -> None:
        """Any user, subscribed or not, may have become monitored. Reported only while
        `reports_joins`, and for some who have not."""

    def on_disconnect(self) -> None:
        """The connection is lost: updates may be missed until `on_reconnect`."""

    def on_reconnect(self) -> None:
        """All subscriptions are confirmed again: load the users, as updates may be missing."""

    def on_resync(self) -> None:
        """All users were rewritten after Redis had lost data, which no message reports: load them.
        The connection stays, so messages that were published before may still arrive."""


class Subscriber(HeldConnection):
    """Holds a connection while `run` runs, and the wanted users subscribed on it."""

    def __init__(
        self,
        pool: ConnectionPool,
        listener: UpdateHandler,
        *,
        timings: ConnectionTimings = TIMINGS,
        in_cluster: bool = False,
    ) -> None:
        """`pool`: makes connections that retry nothing. `in_cluster`: the server is a master of a
        Redis Cluster, and has the slots of all wanted users."""
        super().__init__(pool, timings, "subscriber")
        self._in_cluster = in_cluster
        self._sharded = False
        self._listener = listener
        self._wanted: set[int] = set()
        self._changed: set[int] = set()  # wanted, or not wanted any more, and not sent yet
        self._confirmed: set[int] = set()
        self._leaving: Counter[int] = Counter()  # UNSUBSCRIBEs that are not answered yet
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._to_send = asyncio.Event()
        self._connected = False
        self._reports_joins = False
        self.unreadable = 0  # messages that no gateway can have published
        self._logged_at = float("-inf")  # loop time

    @classmethod
    def connect(
        cls, url: str, listener: UpdateHandler, *, timings: ConnectionTimings = TIMINGS
    ) -> Self:
        """To one server, or the one that Sentinels name. For any URL: shared.redis.factory."""
        return cls(clients.single_pool(url, timeout=1.0), listener, timings=timings)

    @property
    def connected(self) -> bool:
        """Whether all wanted users are subscribed, so that every update of theirs arrives."""
        return self._connected

    @property
    def reports_joins(self) -> bool:
        """Whether the handler is told of users who become monitored."""
        return self._connected and self._reports_joins

    async def subscribe(self, user_id: int) -> None:
        """Returns when Redis has confirmed: what is published from then on arrives.

        Raises StoreUnavailable when the connection is lost; the user is then not subscribed.
        """
        if not self._connected:
            raise StoreUnavailable("the connection to Redis is lost")
        self._wanted.add(user_id)
        if user_id in self._confirmed and user_id not in self._changed:
            return
        confirmation = self._waiting.get(user_id)
        if confirmation is None:
            confirmation = self._waiting[user_id] = asyncio.get_running_loop().create_future()
            self._changed.add(user_id)
            self._to_send.set()
        await asyncio.shield(confirmation)

    def unsubscribe(self, user_id: int) -> None:
        """Stop following the user. No more updates are delivered, even if some are on their way.

        A `subscribe` of this user that still waits raises StoreUnavailable.
        """
        self._wanted.discard(user_id)
        self._fail_waiting(user_id, "unsubscribed")
        self._changed.add(user_id)
        self._to_send.set()

    def take_over(self, user_ids: set[int]) -> None:
        """Follow these users as well. Not `connected` until all of them are confirmed."""
        self._wanted |= user_ids
        self._changed |= user_ids
        self._connected = False
        self._to_send.set()

    async def _on_connect(self, connection: AbstractConnection) -> None:
        self._sharded = self._in_cluster and await _publishes_sharded(connection)
        self._reports_joins = await _reports_joins(connection)
        await ask(connection, "SUBSCRIBE", CONTROL_CHANNEL)
        self._changed = set(self._wanted)
        self._to_send.set()

    def _on_disconnect(self) -> None:
        was_connected, self._connected = self._connected, False
        self._confirmed.clear()
        self._leaving.clear()
        for user_id in list(self._waiting):
            self._wanted.discard(user_id)
            self._fail_waiting(user_id, "the connection to Redis was lost")
        if was_connected:
            self._listener.on_disconnect()

    def _fail_waiting(self, user_id: int, why: str) -> None:
        confirmation = self._waiting.pop(user_id, None)
        if confirmation is not None and not confirmation.done():
            confirmation.set_exception(StoreUnavailable(why))
            confirmation.exception()  # the caller may be gone: then nothing retrieves it

    def _on_reply(self, reply: list[Any]) -> None:
        kind, channel, data = reply
        if kind in (b"message", b"smessage"):
            if channel == CONTROL_CHANNEL:
                self._resync()
            elif channel == _INVALIDATIONS:
                self._report_joins(data or ())
            else:
                self._deliver(channel, data)
        elif kind in (b"subscribe", b"ssubscribe"):
            self._on_subscribed(keys.user_of_channel(channel))
        elif kind in (b"unsubscribe", b"sunsubscribe"):
            self._on_unsubscribed(keys.user_of_channel(channel))

    def _resync(self) -> None:
        """What Redis lost before was in no message. While not connected there is nothing to do:
        `on_reconnect` follows anyway."""
        log.info("subscriber: presences were rewritten; reloading")
        if self._connected:
            self._listener.on_resync()

    def _report_joins(self, names: Sequence[bytes]) -> None:
        """Sets of guilds that have changed: their users have joined one, or left."""
        for name in names:
            user_id = keys.user_of(name)
            if user_id is not None:
                self._listener.joined(user_id)

    def _deliver(self, channel: bytes, data: bytes) -> None:
        user_id = keys.user_of_channel(channel)
        if user_id not in self._wanted:
            return
        update = decode_message(data)
        if update is None:
            self._skip(user_id)
        else:
            self._listener.updated(user_id, update)

    def _skip(self, user_id: int) -> None:
        """Other software publishes there. The message itself is kept out of the log."""
        self.unreadable += 1
        now = asyncio.get_running_loop().time()
        if now - self._logged_at >= LOG_INTERVAL_S:
            self._logged_at = now
            log.warning(
                "subscriber: skipped a message for user %s that is not readable (%d so far): other "
                "software publishes in this Redis",
                user_id,
                self.unreadable,
            )

    def _on_subscribed(self, user_id: int) -> None:
        if user_id in self._leaving or user_id in self._changed:
            return  # an older answer: what was sent since, or will be, undoes it
        self._confirmed.add(user_id)
        confirmation = self._waiting.pop(user_id, None)
        if confirmation is not None and not confirmation.done():
            confirmation.set_result(None)
        self._connect_if_complete()

    def _on_unsubscribed(self, user_id: int) -> None:
        if user_id not in self._leaving:
            raise ConnectionLost("a slot has moved to another master")
        self._leaving[user_id] -= 1
        if self._leaving[user_id] <= 0:
            del self._leaving[user_id]

    def _connect_if_complete(self) -> None:
        if not self._connected and self._confirmed >= self._wanted:
            self._connected = True
            self._listener.on_reconnect()

    def _loops(self) -> tuple[Loop, ...]:
        return (*super()._loops(), self._send)

    async def _send(self, connection: AbstractConnection) -> None:
        """Subscribe to what is wanted and not to the rest. Of a user who came and went between two
        rounds, only an UNSUBSCRIBE is sent, which does no harm."""
        while True:
            await self._to_send.wait()
            self._to_send.clear()
            changed, self._changed = self._changed, set()
            new = [keys.presence(user) for user in changed if user in self._wanted]
            left = [user for user in changed if user not in self._wanted]
            self._confirmed.difference_update(left)
            self._leaving.update(left)
            old = [keys.presence(user) for user in left]
            await send_subscriptions(connection, new, old, sharded=self._sharded)
            self._connect_if_complete()


async def send_subscriptions(
    connection: AbstractConnection, new: Sequence[str], old: Sequence[str], *, sharded: bool
) -> None:
    """Subscribe to the new channels and leave the old ones. The reading loop gets the answers."""
    prefix, batch = ("S", 1) if sharded else ("", _BATCH_CHANNELS)  # of one slot each, if sharded
    for start in range(0, len(new), batch):
        await send(connection, f"{prefix}SUBSCRIBE", *new[start : start + batch])
    for start in range(0, len(old), batch):
        await send(connection, f"{prefix}UNSUBSCRIBE", *old[start : start + batch])


async def _reports_joins(connection: AbstractConnection) -> bool:
    """Have joins reported. A Redis that does not permit it is good enough for all the rest."""
    try:
        await report_changes(connection, [keys.GUILDS_PREFIX])
    except ResponseError:
        return False
    return True


async def _publishes_sharded(connection: AbstractConnection) -> bool:
    """Whether this master of a cluster uses SPUBLISH. save.lua decides by the same version."""
    found = re.search(rb"redis_version:(\d+)", await ask(connection, "INFO", "server"))
    return found is not None and int(found[1]) >= 7
