"""What was published in Redis: what a client that keeps up has to be shown, state by state."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any, Final, Self

import msgspec
from msgspec import Struct
from redis.asyncio import Redis
from redis.exceptions import RedisError

from chaos.clients.reader import Reader
from chaos.facts import Seen, seen_in
from chaos.redis_server import RedisServer

_PREFIX: Final = len("presence:{")


class Published(Struct, frozen=True):
    at: float  # loop time
    seen: Seen


class Reference:
    """Listens past every link while the block runs; every reader notes what it is shown."""

    def __init__(self, server: RedisServer, readers: Sequence[Reader], stood: float) -> None:
        """`stood`: seconds; what was replaced sooner may be skipped."""
        self.published: dict[str, list[Published]] = {}
        self._redis: Redis = server.client()
        self._readers = readers
        self._stood = stood
        self._views = {reader: reader.view for reader in readers}
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        pubsub = self._redis.pubsub()
        await pubsub.psubscribe("presence:{*}")
        await pubsub.parse_response()
        self._task = asyncio.create_task(self._listen(pubsub))
        for reader in self._readers:
            self._views[reader] = reader.view
            if reader.view is not None:
                reader.view.told = {}
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        with contextlib.suppress(RedisError, OSError):
            await self._redis.aclose()

    def gaps(self) -> list[str]:
        """What clients missed that were connected all the time, to users who were there."""
        found = []
        for reader, view in self._views.items():
            if view is None or view is not reader.view or view.told is None:
                continue  # it came anew, or its user was not there
            for user_id, shown in view.users.items():
                if not shown.refused:
                    told = view.told.get(user_id, [])
                    found += [
                        f"{reader} {user_id} {problem}"
                        for problem in gaps(self.published.get(user_id, []), told, self._stood)
                    ]
        return found

    async def _listen(self, pubsub: Any) -> None:
        loop = asyncio.get_running_loop()
        while True:
            _, _, channel, data = await pubsub.parse_response()
            message = msgspec.json.decode(data)
            if "presence" in message:
                self.published.setdefault(channel[_PREFIX:-1].decode(), []).append(
                    Published(loop.time(), seen_in(message["presence"]))
                )


def gaps(published: Sequence[Published], told: Sequence[Seen], stood: float) -> list[str]:
    """What is wrong with what one client was told of one user, in order."""
    problems = []
    at = 0
    for number, state in enumerate(published):
        if at < len(told) and told[at] == state.seen:
            at += 1
            continue
        following = published[number + 1].at if number + 1 < len(published) else float("inf")
        if following - state.at >= stood:
            problems.append(f"was not shown {state.seen}, which stood for {following - state.at} s")
    if at < len(told):
        problems.append(f"was shown {told[at]}, which was not published then")
    return problems
