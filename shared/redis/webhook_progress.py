"""What each webhook endpoint has acknowledged, and which process delivers.

Without it, an endpoint would be sent every user after a restart, and would not be told of those who
left meanwhile. A Redis that loses it costs just that: everybody is sent once more.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from shared.redis import keys
from shared.redis.scripts import Script
from shared.redis.store import Store, StoreUnavailable

PROGRESS_TTL_S: Final = 30 * 86_400  # of an endpoint that is not configured any more

_TAKE: Final = Script("lock_take.lua")
_RELEASE: Final = Script("lock_release.lua")
_SCAN_COUNT: Final = 500


class WebhookProgress:
    """Of one endpoint. Every method raises StoreUnavailable."""

    def __init__(self, store: Store, endpoint: str) -> None:
        """`endpoint`: names it, without anything that is secret."""
        self._store = store
        self._name = keys.webhook_progress(endpoint)

    async def load(self) -> AsyncIterator[dict[int, bytes]]:
        """What was noted of each user, in batches."""
        cursor = 0
        while True:
            async with self._store.reachable():
                reply: Any = await self._store.redis.hscan(self._name, cursor, count=_SCAN_COUNT)
            cursor, found = reply
            yield {int(user_id): note for user_id, note in found.items() if keys.is_id(user_id)}
            if cursor == 0:
                return

    async def note(self, notes: Mapping[int, str]) -> None:
        """Replace what was noted of these users."""
        async with self._store.reachable():
            pipe = self._store.redis.pipeline(transaction=False)
            pipe.hset(self._name, mapping={str(user_id): note for user_id, note in notes.items()})
            pipe.expire(self._name, PROGRESS_TTL_S)
            await pipe.execute()

    async def forget(self, user_ids: Sequence[int]) -> None:
        """Nothing is noted of them any more."""
        if user_ids:
            async with self._store.reachable():
                await self._store.redis.hdel(self._name, *map(str, user_ids))

    async def clear(self) -> None:
        """Nothing is noted of anybody."""
        async with self._store.reachable():
            await self._store.redis.delete(self._name)


class WebhookLease:
    """At most one process delivers."""

    def __init__(self, store: Store, ttl_s: float) -> None:
        self._store = store
        self._ttl_ms = round(ttl_s * 1000)
        self._owner = secrets.token_hex(8)
        self._taking: asyncio.Task[bool] | None = None

    async def take(self) -> bool:
        """Whether it is this process's for `ttl_s` from now on. Raises StoreUnavailable."""
        self._taking = asyncio.create_task(self._take())
        return await asyncio.shield(self._taking)

    async def _take(self) -> bool:
        taken = await self._store.run_script(_TAKE, [keys.WEBHOOK_LEASE], self._owner, self._ttl_ms)
        return bool(taken)

    async def release(self) -> None:
        """Another process may take it at once; if Redis does not answer, when it has expired."""
        if self._taking is not None:  # a cancelled `take` that Redis got later would take it again
            await asyncio.gather(self._taking, return_exceptions=True)
        with suppress(StoreUnavailable):
            await self._store.run_script(_RELEASE, [keys.WEBHOOK_LEASE], self._owner)
