"""Copies of the key-value stores in the presence Redis, where readers find them with the presence.

Readers do not ask the durable Redis, except about a user without a copy: a new one, or each one
after the presence Redis was emptied. api writes a copy whenever it writes a store or fills one in,
and once more some seconds after a write, for a process or a presence Redis that failed in between.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Final

import msgspec
from redis.asyncio.cluster import RedisCluster

from shared.model.snapshot import Snapshot
from shared.redis import keys
from shared.redis.durable import DurableKv, StoredKv
from shared.redis.scripts import Script
from shared.redis.store import SnapshotDamaged, Store, StoreUnavailable

log = logging.getLogger(__name__)

READ_TIMEOUT_S: Final = 0.3  # readers promise an answer, with an empty store if need be
RETRY_INTERVAL_S: Final = 1.0
MAX_MISSING_USERS: Final = 10_000
SETTLE_AFTER_MS: Final = 10_000  # a presence Redis that restarts loses a second at most
_BATCH_USERS: Final = 100
_NO_USER: Final = 0

_COPY: Final = Script("kv_copy.lua", of_cluster=False)
_COPY_IN_CLUSTER: Final = Script("kv_copy.lua", of_cluster=True)


class KvReader:
    """Reads stores for readers, which must not wait for a durable Redis that does not answer."""

    def __init__(self, durable: DurableKv) -> None:
        self._durable = durable
        self._away = False  # the durable Redis did not answer: it is not asked until it does
        self._missing: dict[int, None] = {}

    async def load(self, user_ids: Sequence[int]) -> dict[int, StoredKv]:
        """Their stores; empty while the durable Redis does not answer. Raises nothing."""
        if not self._away:
            try:
                async with asyncio.timeout(READ_TIMEOUT_S):
                    found = await self._durable.load_many(user_ids)
                return dict(zip(user_ids, found, strict=True))
            except (StoreUnavailable, TimeoutError) as error:
                self._away = True
                log.warning(
                    "the durable Redis does not answer (%s): new readers see empty key-value "
                    "stores until it does",
                    type(error.__cause__ or error).__name__,
                )
        for user_id in user_ids[: max(0, MAX_MISSING_USERS - len(self._missing))]:
            self._missing[user_id] = None
        return {}

    def recovered(self) -> list[int]:
        """Users whose stores could not be read, and can be now. Each is given once."""
        if self._away or not self._missing:
            return []
        user_ids = list(self._missing)
        self._missing.clear()
        return user_ids

    async def run(self) -> None:
        """Notice when the durable Redis answers again, until cancelled."""
        while True:
            await asyncio.sleep(RETRY_INTERVAL_S)
            if self._away:
                with suppress(StoreUnavailable):
                    await self._durable.load(_NO_USER)
                    self._away = False
                    log.info("the durable Redis answers again")


class KvCopies:
    """Writes copies."""

    def __init__(self, store: Store, durable: DurableKv, reader: KvReader) -> None:
        """`store`: the presence Redis. `reader`: while its `run` runs, late copies are written."""
        self._store = store
        self._durable = durable
        self._reader = reader
        self._script = _COPY_IN_CLUSTER if isinstance(store.redis, RedisCluster) else _COPY

    async def copy(self, user_id: int, stored: StoredKv) -> None:
        """Show this to readers, unless they see a newer one. Raises StoreUnavailable."""
        names = [keys.presence(user_id), keys.kv_revision(user_id)]
        await self._store.run_script(self._script, names, stored.revision, stored.kv)

    async def fill(self, user_ids: Sequence[int]) -> dict[int, bytes]:
        """The stores of users without a copy, which they have afterwards. Raises nothing.

        Empty while the durable Redis does not answer.
        """
        found = await self._reader.load(user_ids)
        with suppress(StoreUnavailable):  # the next reader fills them in
            await self._copy_all(found)
        return {user_id: stored.kv for user_id, stored in found.items()}

    async def run(self) -> None:
        """Write the copies that are due, until cancelled."""
        while True:
            await asyncio.sleep(RETRY_INTERVAL_S)
            recovered = self._reader.recovered()
            for start in range(0, len(recovered), _BATCH_USERS):
                await self.fill(recovered[start : start + _BATCH_USERS])
            try:
                await self._settle()
            except StoreUnavailable as error:
                log.debug("key-value stores cannot be copied: %s", error)

    async def _settle(self) -> None:
        until = time.time_ns() // 1_000_000 - SETTLE_AFTER_MS
        while notes := await self._durable.noted(until, _BATCH_USERS):
            user_ids = [user_id for user_id, _ in notes]
            stored = await self._durable.load_many(user_ids)
            await self._copy_all(dict(zip(user_ids, stored, strict=True)))
            for user_id, at_ms in notes:
                await self._durable.done(user_id, at_ms)

    async def _copy_all(self, stored: Mapping[int, StoredKv]) -> None:
        await asyncio.gather(*(self.copy(user_id, one) for user_id, one in stored.items()))


class SnapshotsWithKv:
    """Loads users as shared.redis.store.Store does, and reads the stores that have no copy."""

    def __init__(self, store: Store, reader: KvReader) -> None:
        self._store = store
        self._reader = reader

    async def load_many(
        self, user_ids: Sequence[int], *, with_discord: Collection[int] = ()
    ) -> list[Snapshot | SnapshotDamaged | None]:
        """See Store.load_many."""
        found = await self._store.load_many(user_ids, with_discord=with_discord)
        both = list(zip(user_ids, found, strict=True))
        missing = [user_id for user_id, one in both if _lacks_kv(one)]
        if not missing:
            return found
        stored = await self._reader.load(missing)
        return [
            msgspec.structs.replace(one, kv=stored[user_id].kv)
            if isinstance(one, Snapshot) and user_id in stored
            else one
            for user_id, one in both
        ]

    def recovered(self) -> list[int]:
        """Users who should be loaded again: see KvReader."""
        return self._reader.recovered()


def _lacks_kv(found: Snapshot | SnapshotDamaged | None) -> bool:
    return isinstance(found, Snapshot) and found.kv is None
