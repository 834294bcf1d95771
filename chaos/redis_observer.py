"""What was published in Redis: what clients that keep up have to be shown, state by state."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, Self

import msgspec
from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster
from redis.exceptions import RedisClusterException, RedisError

from chaos.clients.reader import Reader
from chaos.facts import seen_in
from chaos.fault_window import FaultWindow, on_the_way
from chaos.gaps import At, Watched, due, gaps
from chaos.privacy_check import PrivacyCheck
from testing.redis_server import RedisServer

_PREFIX: Final = len("presence:{")
_AGAIN_EVERY: Final = 0.05  # seconds, until a Redis that was gone is heard again
_LOOK_EVERY: Final = 0.2  # seconds
_AWAY: Final = (RedisError, RedisClusterException, OSError, TimeoutError)
"""The second one, which is no RedisError: no node of a cluster answers."""


class RedisObserver:
    """Listens past every link while the block runs, and again at once where Redis was gone.

    In a cluster each node is listened to: all of them are told what one publishes, some later.
    Since Redis 7 its channels are sharded, which no pattern matches: then nothing is observed.
    """

    def __init__(self, servers: Sequence[RedisServer], privacy: PrivacyCheck) -> None:
        self.published: dict[str, list[At]] = {}
        self._servers = servers
        self._privacy = privacy
        self._versions: dict[str, int] = {}  # the newest one, by user
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        heard = [asyncio.Event() for _ in self._servers]
        self._tasks = [
            asyncio.create_task(self._run(server, one))
            for server, one in zip(self._servers, heard, strict=True)
        ]
        for one in heard:
            await one.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, server: RedisServer, heard: asyncio.Event) -> None:
        while True:
            try:
                # Without a timeout: nothing is published while the gateway is down.
                async with Redis(port=server.port) as redis, redis.pubsub() as pubsub:
                    await pubsub.psubscribe("presence:{*}")
                    await pubsub.parse_response()
                    heard.set()
                    await self._listen(pubsub)
            except (RedisError, OSError):
                await asyncio.sleep(_AGAIN_EVERY)

    async def _listen(self, pubsub: Any) -> None:
        while True:
            kind, *_, channel, data = await pubsub.parse_response()
            if kind == b"pmessage":  # the client subscribes anew by itself where it can
                user_id, message = channel[_PREFIX:-1].decode(), msgspec.json.decode(data)
                self._note(user_id, message)
                if not message.get("removed"):
                    self._privacy.look_at_bytes("a channel", user_id, [data], time.monotonic())

    def _note(self, user_id: str, message: dict[str, Any]) -> None:
        presence = message.get("presence")
        if presence is None and not message.get("removed"):
            return
        if message["version"] <= self._versions.get(user_id, 0):
            return  # heard from another node already
        self._versions[user_id] = message["version"]
        states = self.published.setdefault(user_id, [])
        seen = seen_in(presence) if presence is not None else None
        if not states or states[-1].seen != seen:  # a Redis that was emptied is told it again
            states.append(At(time.monotonic(), seen))

    async def watch_hashes(self, client: Callable[[], Redis | RedisCluster]) -> None:
        """Look at what Redis holds of people who hide something, until cancelled."""
        while True:
            with contextlib.suppress(*_AWAY):
                async with client() as redis:
                    while True:
                        await self._look_at_hashes(redis)
                        await asyncio.sleep(_LOOK_EVERY)
            await asyncio.sleep(_AGAIN_EVERY)

    async def _look_at_hashes(self, redis: Redis | RedisCluster) -> None:
        user_ids, at = self._privacy.hidden_users(), time.monotonic()
        pipe = redis.pipeline(transaction=False)
        for user_id in user_ids:
            pipe.hvals(f"presence:{{{user_id}}}")
        for user_id, values in zip(user_ids, await pipe.execute(), strict=True):
            if values:
                self._privacy.look_at_bytes("a hash", user_id, values, at)

    def compare(
        self, readers: Sequence[Reader], windows: Sequence[FaultWindow], stood: float
    ) -> tuple[int, list[str]]:
        """How many states the readers had to be shown, and which of these they were not."""
        count = 0
        missed = []
        for reader in readers:
            broken = [*on_the_way(windows, reader.replica), *reader.slow()]
            for told in reader.told:
                for user_id, states in told.items():
                    published = self.published.get(user_id, [])
                    watched = Watched(states, broken)
                    count += len(due(published, watched, stood))
                    missed += [
                        f"{reader} {user_id} {problem}"
                        for problem in gaps(published, watched, stood)
                    ]
        return count, missed
