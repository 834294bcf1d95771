"""Subscribed users' updates, over one Redis connection. A cut line is an event, never a silence.

redis-py reconnects by itself and loses what was published meanwhile. Two things keep that from
passing unseen: the connection may not retry, and the standing subscription, which is confirmed
once per connection, ends the line when it is confirmed a second time.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from typing import Any, Final, Protocol, Self

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from shared.model.message import PresenceMessage, read
from shared.redis import clients, keys
from shared.redis.store import StoreUnavailable, is_loss
from shared.redis.subscriptions import publishes_sharded, say
from shared.telemetry.metrics import REDIS_LOST

log = logging.getLogger(__name__)

STANDING: Final = keys.CONTROL_CHANNEL.encode()  # it also keeps the line readable without users
PING_AFTER = 5.0  # seconds of silence
RECONNECT_EVERY = 0.25  # seconds: a Redis that comes back is found at once
_LOST: Final = REDIS_LOST.labels("feed")
COMPLAIN_EVERY = 60.0  # seconds


class UpdateHandler(Protocol):
    """Who is told. Called from the reading loop: must not block."""

    def updated(self, user_id: int, update: PresenceMessage) -> None:
        """A message came for a subscribed user."""

    def cut(self) -> None:
        """The line is gone: updates may be missed until `restored`."""

    def restored(self) -> None:
        """Every subscription stands again: load what is watched, as updates may be lost."""

    def written_anew(self) -> None:
        """Redis had lost something that nobody told of, and holds everyone again: load what is
        watched. The line stays, so what was published before may still come."""


class ConnectionLost(Exception):
    """Raised inside a line to end it."""


class Subscriber:
    """Keeps a line to Redis while `run` runs, and the wanted users subscribed on it."""

    def __init__(self, redis: Redis, listener: UpdateHandler, *, of_cluster: bool = False) -> None:
        """`redis` must not retry: see `connect`. The feed closes it.

        `of_cluster`: it is a master of a cluster, and all wanted users' slots are its own.
        """
        self._redis = redis
        self._of_cluster = of_cluster
        self._sharded = False
        self._listener = listener
        self._wanted: set[int] = set()
        self._changed: set[int] = set()
        self._confirmed: set[int] = set()
        self._leaving: Counter[int] = Counter()  # UNSUBSCRIBEs that are not answered yet
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._to_send = asyncio.Event()
        self._begun = False  # the standing subscription is confirmed
        self._standing = False
        self._heard = 0.0
        self.unreadable = 0  # messages that nobody of ours can have sent
        self._complained = float("-inf")

    @classmethod
    def connect(cls, url: str, listener: UpdateHandler) -> Self:
        """To one server, or the one that Sentinels name; for any URL: shared.follow."""
        redis = Redis.from_pool(clients.line(url, timeout=1.0))
        return cls(redis, listener)

    @property
    def standing(self) -> bool:
        """Whether every update of a confirmed subscription arrives now."""
        return self._standing

    async def subscribe(self, user_id: int) -> None:
        """Returns when Redis has confirmed: what is published from then on arrives.

        Raises StoreUnavailable when the line is cut; the user is then not subscribed.
        """
        if not self._standing:
            raise StoreUnavailable("the line to Redis is cut")
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
        """Stop following the user. No more updates are given, even if some are under way.

        Whoever still waits in `subscribe` for this user gets StoreUnavailable.
        """
        self._wanted.discard(user_id)
        self._give_up(user_id, "unsubscribed")
        self._changed.add(user_id)
        self._to_send.set()

    def take_over(self, user_ids: set[int]) -> None:
        """Follow these as well; the feed does not stand until all of them are confirmed."""
        self._wanted |= user_ids
        self._changed |= user_ids
        self._standing = False
        self._to_send.set()

    async def run(self) -> None:
        """Hold the line until cancelled."""
        try:
            while True:
                await self._one_line()
                await asyncio.sleep(RECONNECT_EVERY)
        finally:
            await self._redis.aclose()

    async def _one_line(self) -> None:
        """From a connection's first subscription to its end."""
        pubsub = self._redis.pubsub()
        # Not a TaskGroup: before Python 3.13 one that is failing swallows its own cancellation.
        tasks: list[asyncio.Task[None]] = []
        try:
            async with asyncio.timeout(PING_AFTER):  # whoever listens there may never answer
                self._sharded = self._of_cluster and await publishes_sharded(self._redis)
                await pubsub.subscribe(STANDING)
            tasks = [
                asyncio.create_task(work(pubsub)) for work in (self._read, self._send, self._watch)
            ]
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except (RedisError, OSError, ConnectionLost, TimeoutError, RuntimeError) as cause:
            if not is_loss(cause):
                raise
            if self._standing:
                _LOST.inc()
                why = str(cause) if isinstance(cause, ConnectionLost) else type(cause).__name__
                log.warning("feed: the line to Redis is cut (%s)", why)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._lost()
            with contextlib.suppress(RedisError, OSError, RuntimeError):
                await pubsub.aclose()  # type: ignore[no-untyped-call]

    def _lost(self) -> None:
        was_standing, self._standing, self._begun = self._standing, False, False
        self._confirmed.clear()
        self._leaving.clear()
        for user_id in list(self._waiting):
            self._wanted.discard(user_id)
            self._give_up(user_id, "the line to Redis was cut")
        if was_standing:
            self._listener.cut()

    def _give_up(self, user_id: int, why: str) -> None:
        confirmation = self._waiting.pop(user_id, None)
        if confirmation is not None and not confirmation.done():
            confirmation.set_exception(StoreUnavailable(why))
            confirmation.exception()  # whoever waited may be gone: that is no error

    async def _read(self, pubsub: PubSub) -> None:
        loop = asyncio.get_running_loop()
        while True:
            kind, channel, data = await _response(pubsub)
            self._heard = loop.time()
            if kind in (b"message", b"smessage"):
                if channel == STANDING:
                    self._reload()
                else:
                    self._deliver(channel, data)
            elif kind in (b"subscribe", b"ssubscribe"):
                self._confirm(channel)
            elif kind in (b"unsubscribe", b"sunsubscribe"):
                self._left(channel)

    def _reload(self) -> None:
        """Everyone was written anew: what Redis lost before was never told of. The line stays, so
        that nothing is missed meanwhile; one that does not stand yet is loaded after this anyway.
        """
        log.info("feed: everyone was written anew")
        if self._standing:
            self._listener.written_anew()

    def _deliver(self, channel: bytes, data: bytes) -> None:
        user_id = keys.user_of_channel(channel)
        if user_id not in self._wanted:
            return
        update = read(data)
        if update is None:
            self._leave_out(user_id)
        else:
            self._listener.updated(user_id, update)

    def _leave_out(self, user_id: int) -> None:
        """Somebody else publishes there. What it was does not go into the log."""
        self.unreadable += 1
        now = asyncio.get_running_loop().time()
        if now - self._complained >= COMPLAIN_EVERY:
            self._complained = now
            log.warning(
                "feed: a message of user %s is not readable and is left out (%d so far): somebody "
                "else publishes in this Redis",
                user_id,
                self.unreadable,
            )

    def _confirm(self, channel: bytes) -> None:
        if channel == STANDING:
            if self._begun:
                raise ConnectionLost("redis-py has reconnected behind our back")
            self._begun = True
            self._changed = set(self._wanted)
            self._to_send.set()
            return
        user_id = keys.user_of_channel(channel)
        if user_id in self._leaving or user_id in self._changed:
            return  # an older one: what has been sent since, or will be, undoes it
        self._confirmed.add(user_id)
        confirmation = self._waiting.pop(user_id, None)
        if confirmation is not None and not confirmation.done():
            confirmation.set_result(None)
        self._stand_if_complete()

    def _left(self, channel: bytes) -> None:
        user_id = keys.user_of_channel(channel)
        if user_id not in self._leaving:
            raise ConnectionLost("a slot has moved to another master")
        self._leaving[user_id] -= 1
        if self._leaving[user_id] <= 0:
            del self._leaving[user_id]

    def _stand_if_complete(self) -> None:
        if self._begun and not self._standing and self._confirmed >= self._wanted:
            self._standing = True
            self._listener.restored()

    async def _send(self, pubsub: PubSub) -> None:
        """Bring Redis' subscriptions to what is wanted; what came and went meanwhile is skipped."""
        while True:
            await self._to_send.wait()
            self._to_send.clear()
            changed, self._changed = self._changed, set()
            new = [keys.presence(user) for user in changed if user in self._wanted]
            left = [user for user in changed if user not in self._wanted]
            self._confirmed.difference_update(left)
            self._leaving.update(left)
            old = [keys.presence(user) for user in left]
            await say(pubsub, new, old, sharded=self._sharded)
            self._stand_if_complete()

    async def _watch(self, pubsub: PubSub) -> None:
        """A line may die without a word: ask, and end it when nothing comes back."""
        loop = asyncio.get_running_loop()
        while True:
            asked = loop.time()
            async with asyncio.timeout(PING_AFTER):  # the kernel may hold no more of it
                await pubsub.ping()
            await asyncio.sleep(PING_AFTER)
            if self._heard < asked:
                raise ConnectionLost(f"no answer for {PING_AFTER} s")


async def _response(pubsub: PubSub) -> tuple[bytes, bytes, Any]:
    """One raw reply: `message`, `subscribe`, `unsubscribe` or `pong`."""
    reply = await pubsub.parse_response(block=True)
    return (reply[0], reply[1], reply[2] if len(reply) > 2 else None)
