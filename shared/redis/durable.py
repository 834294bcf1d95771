"""The durable Redis: what users wrote, which nothing can rebuild. See DURABLE_REDIS_URL.

It may be the server of REDIS_URL. Its names begin with `durable:`.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from msgspec import Struct

from shared.model.key_value import EMPTY, is_kv
from shared.redis import keys
from shared.redis.scripts import Script
from shared.redis.store import Store, StoreUnavailable

_WRITE: Final = Script("kv_write.lua")
_TAKE_BACK: Final = Script("kv_done.lua")

DUE_AT_ONCE: Final = 0


class DurableUnavailable(StoreUnavailable):
    """Raised when the durable Redis cannot be reached, refuses, or does not answer in time."""


class StoredKv(Struct, frozen=True):
    """A user's key-value store at one moment."""

    revision: int  # grows with each write; 0: nothing was ever written
    kv: bytes  # JSON, an object of strings


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

    async def replace(self, user_id: int, known: StoredKv, kv: bytes) -> StoredKv | None:
        """Store `kv` if the store still is `known`; None if it is not.

        The user is noted before: a process that ends after the write leaves a note, by which
        another one brings readers the new store.
        """
        await self.note([user_id], time.time_ns() // 1_000_000)
        async with available():
            revision = await self._durable.run_script(
                _WRITE, [keys.durable_kv(user_id)], known.revision, kv
            )
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
        return [(int(member), int(score)) for member, score in rows]

    async def done(self, user_id: int, at_ms: int) -> None:
        """Remove the note, unless a newer one has taken its place."""
        async with available():
            await self._durable.run_script(_TAKE_BACK, [keys.KV_RECENT], user_id, at_ms)


def _stored(revision: bytes | None, kv: bytes | None) -> StoredKv:
    number = int(revision) if revision is not None and revision.isdigit() else 0
    return StoredKv(number, kv if kv is not None and is_kv(kv) else EMPTY)
