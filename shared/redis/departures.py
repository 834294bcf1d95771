"""People who have left the last monitored server, or were in none, while their data is still kept.

Every gateway process notes those whom it does not know, and removes the notes of those whom it
knows. So a note that grows old is of someone whom no process knows.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from shared.redis import keys
from shared.redis.durable import available
from shared.redis.scripts import Script
from shared.redis.store import Store

_RELEASE: Final = Script("lock_release.lua")
_SCAN_COUNT: Final = 500
_NAMES: Final = "durable:{*"
_OF_PERSON: Final = re.compile(rb"durable:\{([0-9]{1,20})\}:(?:settings|kv|key|connections|grant)")
"""What is kept for a person. The rest lasts for a while only."""


class DepartureStore:
    """Every method raises DurableUnavailable."""

    def __init__(self, durable: Store) -> None:
        self._durable = durable

    async def people(self) -> AsyncIterator[list[int]]:
        """Everybody of whom something is kept, in batches; some in several."""
        found = aiter(self._durable.redis.scan_iter(match=_NAMES, count=_SCAN_COUNT))
        batch: set[int] = set()
        while True:
            async with available(), self._durable.reachable():  # it is the steps that ask Redis
                name = await anext(found, None)
            if name is not None and (match := _OF_PERSON.fullmatch(name)):
                batch.add(int(match[1]))
            if batch and (name is None or len(batch) >= _SCAN_COUNT):
                yield sorted(batch)
                batch.clear()
            if name is None:
                return

    async def note(self, user_ids: Sequence[int], now_ms: int) -> None:
        """They are in no server of this process. An older note stays."""
        if user_ids:
            scores: Any = {str(user_id): now_ms for user_id in user_ids}
            async with available(), self._durable.reachable():
                await self._durable.redis.zadd(keys.DEPARTURES, scores, nx=True)

    async def cancel(self, user_ids: Sequence[int]) -> None:
        """They are in a server."""
        if user_ids:
            async with available(), self._durable.reachable():
                await self._durable.redis.zrem(keys.DEPARTURES, *map(str, user_ids))

    async def since(self, user_id: int) -> int | None:
        """Since when the person is known to be in no server, in ms; None: they are in one."""
        async with available(), self._durable.reachable():
            found = await self._durable.redis.zscore(keys.DEPARTURES, str(user_id))
        return None if found is None else int(found)

    async def due(self, until_ms: int, limit: int) -> list[int]:
        """Those who were noted until then, the oldest first."""
        async with available(), self._durable.reachable():
            found: list[Any] = list(
                await self._durable.redis.zrangebyscore(
                    keys.DEPARTURES, "-inf", until_ms, start=0, num=limit
                )
            )
        return [int(one) for one in filter(keys.is_id, found)]

    async def lock(self, lifetime_ms: int) -> str | None:
        """The owner's name, for `unlock`; None: another process erases."""
        owner = secrets.token_hex(8)
        async with available(), self._durable.reachable():
            taken = await self._durable.redis.set(
                keys.DEPARTURES_LOCK, owner, nx=True, px=lifetime_ms
            )
        return owner if taken else None

    async def unlock(self, owner: str) -> None:
        """Others may erase."""
        async with available():
            await self._durable.run_script(_RELEASE, [keys.DEPARTURES_LOCK], owner)
