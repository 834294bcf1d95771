"""When everything is well again: how long each reader took to hold what Discord says.

Or what may be held in its place for half a minute (chaos/half_minute.py).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct
from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster

from chaos.clients.reader import Reader
from chaos.facts import seen_in, who_in
from chaos.history import History
from chaos.host_stalls import HostStalls
from chaos.pollers import Replica

_EVERY: Final = 0.05  # seconds
_AT_ONCE: Final = 20  # users asked for over REST

Pending = tuple[str, str]
"""A reader's name and a user's id."""


class Convergence(Struct):
    """Seconds until each reader held the truth about each user, and what never came true."""

    times: list[float]
    left: list[str]
    last: str = ""  # the last reader to hold it


async def converge(
    history: History,
    redis: Redis | RedisCluster,
    replicas: Sequence[Replica],
    readers: Sequence[Reader],
    *,
    asked: Sequence[str],
    within: float,
    machine: HostStalls,
) -> Convergence:
    """Look until every reader holds the truth, all of it in one look. `asked`: over REST. `within`:
    in seconds, without those in which the machine stalled."""
    began = time.monotonic()
    users = sorted(history.names)
    everything = {
        *(("redis", user_id) for user_id in users),
        *((replica.name, user_id) for replica in replicas for user_id in asked),
        *((str(reader), user_id) for reader in readers for user_id in reader.users),
    }
    look = _Look(history, redis, replicas, readers)
    pending: set[Pending] = set(everything)
    times: dict[Pending, float] = {}
    while True:
        wrong = await look.wrong(pending)
        now = time.monotonic() - began
        for one in pending - wrong.keys():
            times[one] = now
        pending = set(wrong)
        if not pending:
            wrong = await look.wrong(everything)  # nothing that was right may have gone wrong
            pending = set(wrong)
            strays = await look.strays()
            if not pending and not strays:
                last = max(times, key=times.__getitem__)
                return Convergence(sorted(times.values()), [], " ".join(last))
        if machine.given_s(began, time.monotonic()) > within:
            left = sorted(
                f"{reader} {user_id}: {what}" for (reader, user_id), what in wrong.items()
            )
            return Convergence(sorted(times.values()), [*left, *await look.strays()])
        await asyncio.sleep(_EVERY)


class _Look:
    def __init__(
        self,
        history: History,
        redis: Redis | RedisCluster,
        replicas: Sequence[Replica],
        readers: Sequence[Reader],
    ) -> None:
        self._history = history
        self._redis = redis
        self._replicas = {replica.name: replica for replica in replicas}
        self._readers = {str(reader): reader for reader in readers}

    async def wrong(self, pending: Collection[Pending]) -> dict[Pending, str]:
        """Of these, whatever is not the truth now; with what is shown in its place."""
        stored = await self._stored([user_id for name, user_id in pending if name == "redis"])
        answered = await self._answered([one for one in pending if one[0] in self._replicas])
        found: dict[Pending, str] = {}
        for name, user_id in pending:
            permitted = self._history.permitted(user_id)
            oughts: Sequence[object] = permitted
            shown: object
            if name == "redis":
                shown = stored[user_id]
            elif name in self._replicas:
                answer = answered[name, user_id]
                shown = None if answer == 404 else answer
            else:
                reader = self._readers[name]
                shown, oughts = reader.shows(user_id), [*map(reader.ought, permitted)]
            if shown not in oughts:
                found[name, user_id] = f"shows {shown}, but it is {oughts[0]}"
        return found

    async def strays(self) -> list[str]:
        """Sets and keys of Redis that name others than the members."""
        members = self._history.members()
        listed = await self._set("users")
        strays = [
            _differs(f"redis {what}", has, members)
            for what, has in (("users", listed), ("presence:*", await self._held()))
            if has != members
        ]
        for guild in self._history.world.guilds.values():
            roster, ought = await self._set(f"members:{guild.id}"), guild.members.keys() & members
            if roster != ought:
                strays.append(_differs(f"redis members:{guild.id}", roster, ought))
        return strays

    async def _held(self) -> set[str]:
        """Users whose presence can be read. A server of a cluster that came back with older data
        lists keys of slots that were moved away meanwhile, which nothing can read or remove."""
        names = [name async for name in self._redis.scan_iter("presence:{*}", count=1000)]
        pipe = self._redis.pipeline(transaction=False)
        for name in names:
            pipe.exists(name)
        found = zip(names, await pipe.execute(), strict=True)
        return {
            name.decode().removeprefix("presence:{").removesuffix("}")
            for name, is_there in found
            if is_there
        }

    async def _set(self, name: str) -> set[str]:
        return {str(int(one)) for one in await self._redis.smembers(name)}

    async def _stored(self, users: Sequence[str]) -> dict[str, object]:
        pipe = self._redis.pipeline(transaction=False)
        for user_id in users:
            pipe.hmget(f"presence:{{{user_id}}}", ["presence", "profile"])
        return dict(zip(users, map(_facts, await pipe.execute()), strict=True))

    async def _answered(self, pending: Sequence[Pending]) -> dict[Pending, object]:
        gate = asyncio.Semaphore(_AT_ONCE)

        async def ask(one: Pending) -> object:
            async with gate:
                return await self._replicas[one[0]].ask(one[1])

        answers = await asyncio.gather(*map(ask, pending))
        return dict(zip(pending, answers, strict=True))


def _differs(what: str, has: Collection[str], ought: Collection[str]) -> str:
    too_many, missing = sorted({*has} - {*ought}), sorted({*ought} - {*has})
    return f"{what}: too many {too_many[:9]}, missing {missing[:9]}"


def _facts(stored: Sequence[Any]) -> object:
    presence, profile = stored
    if presence is None or profile is None:
        return None
    return seen_in(msgspec.json.decode(presence)), who_in(msgspec.json.decode(profile))
