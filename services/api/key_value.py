"""The key-value store of the users, as the api writes it: who may, how often, and how."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Self

from shared.config import ApiSettings
from shared.http.errors import KvRateLimited, NoPermission
from shared.model import key_value
from shared.model.key_value import KvLimits, Pairs
from shared.net.fixed_window import FixedWindowCounter
from shared.redis.api_keys import ApiKeys, digest_of
from shared.redis.durable import DurableKv, DurableUnavailable, KeyEnded
from shared.redis.kv_copies import KvCopies, KvReader
from shared.redis.store import Store, StoreUnavailable

ATTEMPTS: Final = 16  # for a write that others come before; in this process they wait for a turn
_LOCKS: Final = 64

Change = Callable[[Pairs], Pairs]
"""From the store as it is to what it should be. May raise KvRejected, and may be called again."""


class KeyValueService:
    """What the routes need. While `run` runs, copies that are due are written."""

    def __init__(
        self,
        keys: ApiKeys,
        durable: DurableKv,
        reader: KvReader,
        copies: KvCopies,
        *,
        limits: KvLimits,
        writes_per_minute: int,
    ) -> None:
        """`writes_per_minute`: of each user; 0: no limit."""
        self.limits = limits
        self.copies = copies
        self._keys = keys
        self._durable = durable
        self._reader = reader
        self._writes_per_minute = writes_per_minute
        self._writes = FixedWindowCounter()
        self._locks = [asyncio.Lock() for _ in range(_LOCKS)]

    @classmethod
    def of(cls, store: Store, durable: Store, settings: ApiSettings) -> Self:
        """`durable`: may be the same server as `store`."""
        durable_kv = DurableKv(durable)
        reader = KvReader(durable_kv)
        return cls(
            ApiKeys(durable),
            durable_kv,
            reader,
            KvCopies(store, durable_kv, reader),
            limits=KvLimits(settings.kv_max_bytes),
            writes_per_minute=settings.kv_writes_per_minute,
        )

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._reader.run())
            tasks.create_task(self.copies.run())
            tasks.create_task(self._durable.warn_if_volatile())

    async def owner(self, key: bytes) -> int:
        """Whose key this is. Raises NoPermission, DurableUnavailable."""
        user_id = await self._keys.owner(key)
        if user_id is None:
            raise NoPermission
        return user_id

    def count_write(self, user_id: int) -> None:
        """Raises KvRateLimited."""
        count = self._writes.count(str(user_id))
        if self._writes_per_minute and count > self._writes_per_minute:
            raise KvRateLimited(max(1, round(self._writes.remaining_s)))

    async def change(self, user_id: int, change: Change, key: bytes) -> None:
        """Write, and show it to readers. Raises KvRejected, DurableUnavailable.

        `key`: the one of `owner`. It may have ended since, when the user erased everything: then
        nothing is written. Raises NoPermission.
        """
        async with self._locks[user_id % _LOCKS]:
            for _ in range(ATTEMPTS):
                known = await self._durable.load(user_id)
                kv = key_value.encode(change(key_value.decode(known.kv)))
                if kv == known.kv:
                    return
                try:
                    stored = await self._durable.replace(user_id, known, kv, digest=digest_of(key))
                except KeyEnded:
                    raise NoPermission from None
                if stored is not None:
                    break
            else:
                raise DurableUnavailable("other processes write this store all the time")
        with suppress(StoreUnavailable):  # it is written: `run` of any api copies it later
            await self.copies.copy(user_id, stored)
