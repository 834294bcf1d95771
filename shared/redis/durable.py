"""The durable Redis: what users wrote, which nothing can rebuild. See DURABLE_REDIS_URL.

It may be the server of REDIS_URL. Its names begin with `durable:`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from msgspec import Struct

from shared.model.key_value import EMPTY, is_kv
from shared.redis import keys
from shared.redis.scripts import Script
from shared.redis.store import Store, StoreUnavailable

log = logging.getLogger(__name__)

INFO_INTERVAL_S: Final = 5.0

_WRITE: Final = Script("kv_write.lua")
_TAKE_BACK: Final = Script("kv_done.lua")

DUE_AT_ONCE: Final = 0


class DurableUnavailable(StoreUnavailable):
    """Raised when the durable Redis cannot be reached, refuses, or does not answer in time."""


class KeyEnded(Exception):
    """Raised when a user's store is written with a key that is not theirs any more."""


class StoredKv(Struct, frozen=True):
    """A user's key-value store at one moment."""

    revision: int  # grows with each write; 0: nothing was ever written
    kv: bytes  # JSON, an object of strings


class VolatileProblem(Struct, frozen=True):
    """Why this server may lose what users wrote, and what to do."""

    message: str
    remedy: str


def volatile_problems(info: Mapping[str, Any]) -> list[VolatileProblem]:
    """Of a server's INFO. Empty: it persists, and does not evict."""
    found = []
    if not info.get("aof_enabled"):
        found.append(
            VolatileProblem(
                "the durable Redis does not persist, so a restart loses what users wrote",
                "Set `appendonly yes` there, or DURABLE_REDIS_URL to a Redis that has it.",
            )
        )
    elif info.get("aof_last_write_status", "ok") != "ok":
        found.append(
            VolatileProblem(
                "the durable Redis cannot write its append-only file, so it refuses all writes",
                "See its log: the disk may be full.",
            )
        )
    policy = str(info.get("maxmemory_policy", "noeviction"))
    if policy.startswith("allkeys"):
        found.append(
            VolatileProblem(
                f"the durable Redis evicts what users wrote when it is full ({policy})",
                "Set its maxmemory-policy to noeviction or volatile-ttl.",
            )
        )
    return found


async def warn_if_volatile(durable: Store) -> None:
    """Log once what may lose data. Returns when the server has answered."""
    while True:
        try:
            servers = await durable.info()
        except StoreUnavailable:
            await asyncio.sleep(INFO_INTERVAL_S)
            continue
        for problem in {problem for info in servers for problem in volatile_problems(info)}:
            log.warning("%s. %s", problem.message, problem.remedy)
        return


@asynccontextmanager
async def available() -> AsyncIterator[None]:
    """What fails inside concerns the durable Redis: raises DurableUnavailable."""
    try:
        yield
    except StoreUnavailable as error:
        raise DurableUnavailable(str(error)) from error


@asynccontextmanager
async def connect(url: str, store: Store) -> AsyncIterator[Store]:
    """The durable Redis at `url`, until the block ends; `store` if that is empty."""
    if not url:
        yield store
        return
    async with Store.connect(url) as durable:
        yield durable


class DurableKv:
    """The key-value stores of all users. Every method raises DurableUnavailable."""

    def __init__(self, durable: Store) -> None:
        self._durable = durable

    async def warn_if_volatile(self) -> None:
        """See `warn_if_volatile`."""
        await warn_if_volatile(self._durable)

    async def load(self, user_id: int) -> StoredKv:
        """One user's."""
        [found] = await self.load_many([user_id])
        return found

    async def load_many(self, user_ids: Sequence[int]) -> list[StoredKv]:
        """Each user's, in one round trip. What is damaged counts as empty."""
        async with available(), self._durable.reachable():
            pipe = self._durable.redis.pipeline(transaction=False)
            for user_id in user_ids:
                pipe.hmget(keys.durable_kv(user_id), ["revision", "kv"])
            rows = await pipe.execute()
        return [_stored(*row) for row in rows]

    async def replace(
        self, user_id: int, known: StoredKv, kv: bytes, *, digest: str = ""
    ) -> StoredKv | None:
        """Store `kv` if the store still is `known`; None if it is not.

        `digest`: of the key that the writer used, if one is needed. Raises KeyEnded if it is not
        the user's any more.

        The user is noted before: a process that ends after the write leaves a note, by which
        another one brings readers the new store.
        """
        await self.note([user_id], time.time_ns() // 1_000_000)
        async with available():
            revision = await self._durable.run_script(
                _WRITE,
                [keys.durable_kv(user_id), keys.durable_key(user_id)],
                known.revision,
                kv,
                digest,
            )
        if revision == -1:
            raise KeyEnded
        return StoredKv(int(revision), kv) if revision else None

    async def note(self, user_ids: Sequence[int], at_ms: int) -> None:
        """Readers of these users need a new copy."""
        scores: Mapping[Any, Any] = {str(user_id): at_ms for user_id in user_ids}
        async with available(), self._durable.reachable():
            await self._durable.redis.zadd(keys.KV_RECENT, scores)

    async def noted(self, until_ms: int, limit: int) -> list[tuple[int, int]]:
        """Users that were noted until then, and when (in ms), the oldest first."""
        async with available(), self._durable.reachable():
            rows: list[Any] = list(
                await self._durable.redis.zrangebyscore(
                    keys.KV_RECENT, "-inf", until_ms, start=0, num=limit, withscores=True
                )
            )
        return [(int(member), int(score)) for member, score in rows if keys.is_id(member)]

    async def done(self, user_id: int, at_ms: int) -> None:
        """Remove the note, unless a newer one has taken its place."""
        async with available():
            await self._durable.run_script(_TAKE_BACK, [keys.KV_RECENT], user_id, at_ms)


def _stored(revision: bytes | None, kv: bytes | None) -> StoredKv:
    number = int(revision) if revision is not None and revision.isdigit() else 0
    return StoredKv(number, kv if kv is not None and is_kv(kv) else EMPTY)
