"""Who is signed in. Only digests of the sessions' secrets are stored.

All sessions of a user are in one hash, so that one command ends them.
"""

from __future__ import annotations

from typing import Any, Final

from shared.redis import keys
from shared.redis.durable import available
from shared.redis.store import Store

MAX_SESSIONS: Final = 20
"""Of each user. A further one ends the oldest."""


class SessionStore:
    """Every method raises DurableUnavailable."""

    def __init__(self, durable: Store) -> None:
        self._durable = durable

    async def begin(self, user_id: int, digest: str, now_ms: int, ends_at_ms: int) -> None:
        """`digest`: of the session's secret."""
        name = keys.sessions(user_id)
        async with available(), self._durable.reachable():
            rows: dict[Any, Any] = await self._durable.redis.hgetall(name)
            current = sorted((_time(value), field) for field, value in rows.items())
            ended = [field for ends, field in current if ends <= now_ms]
            lasting = [field for ends, field in current if ends > now_ms]
            ended += lasting[: max(0, len(lasting) - MAX_SESSIONS + 1)]
            pipe = self._durable.redis.pipeline(transaction=False)
            if ended:
                pipe.hdel(name, *ended)
            pipe.hset(name, digest, str(ends_at_ms))
            pipe.pexpire(name, max(1, ends_at_ms - now_ms))
            await pipe.execute()

    async def ends_at(self, user_id: int, digest: str) -> int | None:
        """When the session ends (ms since 1970); None: there is none."""
        async with available(), self._durable.reachable():
            [found] = await self._durable.redis.hmget(keys.sessions(user_id), [digest])
        return _time(found) if isinstance(found, bytes) else None

    async def end(self, user_id: int, digest: str) -> None:
        """This session."""
        async with available(), self._durable.reachable():
            await self._durable.redis.hdel(keys.sessions(user_id), digest)

    async def end_all(self, user_id: int) -> None:
        """Every session of the user."""
        async with available(), self._durable.reachable():
            await self._durable.redis.delete(keys.sessions(user_id))

    async def count(self, user_id: int) -> int:
        """How many sessions the user has; some of them may have expired."""
        async with available(), self._durable.reachable():
            rows: Any = await self._durable.redis.hgetall(keys.sessions(user_id))
        return len(rows)

    async def is_first_use(self, digest: str, remembered_s: int) -> bool:
        """Whether a sign-in comes back from Discord for the first time."""
        async with available(), self._durable.reachable():
            return bool(
                await self._durable.redis.set(
                    keys.used_sign_in(digest), "1", nx=True, ex=remembered_s
                )
            )


def _time(value: bytes) -> int:
    """What is damaged has ended."""
    return int(value) if value.isdigit() and len(value) <= keys.MAX_ID_DIGITS else 0
