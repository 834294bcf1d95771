"""What Discord has granted for those who signed in: their tokens, encrypted.

The tokens are encrypted by the caller (shared/key_ring.py), and this module cannot read them.
Revoking any token of a user at Discord ends all of them, so a revocation that is still to be made
is dropped when the user signs in again.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, Final, Literal

from msgspec import Struct

from shared.redis import keys
from shared.redis.durable import available
from shared.redis.scripts import Script
from shared.redis.sessions import SessionStore
from shared.redis.store import Store

_REPLACE: Final = Script("grant_replace.lua")
_END: Final = Script("grant_end.lua")
_RELEASE: Final = Script("lock_release.lua")

Replaced = Literal["replaced", "outdated", "gone"]
_REPLACED: Final[Mapping[int, Replaced]] = {1: "replaced", 0: "outdated", -1: "gone"}


class StoredGrant(Struct, frozen=True):
    """One user's grant."""

    tokens: bytes  # encrypted
    scopes: tuple[str, ...]  # sorted
    granted_at: int  # ms since 1970: when the user signed in last
    expires_at: int  # ms since 1970: of the access token


class GrantStore:
    """The grants of all users. Every method raises DurableUnavailable."""

    def __init__(self, durable: Store) -> None:
        self._durable = durable

    async def get(self, user_id: int) -> StoredGrant | None:
        """None: the user has not signed in, or has withdrawn the consent."""
        async with available(), self._durable.reachable():
            row: list[Any] = list(
                await self._durable.redis.hmget(
                    keys.grant(user_id), ["tokens", "scopes", "granted_at", "expires_at"]
                )
            )
        tokens, scopes, granted_at, expires_at = row
        if tokens is None:
            return None
        return StoredGrant(
            tokens,
            tuple((scopes or b"").decode("ascii", "replace").split()),
            _time(granted_at),
            _time(expires_at),
        )

    async def store(self, user_id: int, grant: StoredGrant, check_at_ms: int) -> None:
        """The user has signed in. Listed first: wherever this is interrupted, what is stored is
        checked."""
        entry: Mapping[Any, Any] = {
            "tokens": grant.tokens,
            "scopes": " ".join(grant.scopes),
            "granted_at": str(grant.granted_at),
            "expires_at": str(grant.expires_at),
        }
        await self.schedule(user_id, check_at_ms)
        async with available(), self._durable.reachable():
            await self._durable.redis.hset(keys.grant(user_id), mapping=entry)
        await self.revoked(user_id)

    async def replace(
        self, user_id: int, known: StoredGrant, tokens: bytes, expires_at_ms: int
    ) -> Replaced:
        """Store refreshed tokens, if the grant still holds those that were refreshed."""
        async with available():
            found = await self._durable.run_script(
                _REPLACE, [keys.grant(user_id)], known.tokens, tokens, expires_at_ms
            )
        return _REPLACED[found]

    async def end(self, user_id: int, *, revoke_at_ms: int | None = None) -> None:
        """Delete the grant. `revoke_at_ms`: from when on the tokens are to be revoked at Discord;
        None: Discord has ended them."""
        if revoke_at_ms is not None and await self.get(user_id) is not None:
            await self.postpone_revocation(user_id, revoke_at_ms)  # listed first, as in `store`
        names = [keys.grant(user_id), keys.revocation(user_id), keys.grant_lock(user_id)]
        async with available():
            # The tokens may have been refreshed since they were read.
            kept = await self._durable.run_script(_END, names, int(revoke_at_ms is not None))
        if kept and revoke_at_ms is not None:
            await self.postpone_revocation(user_id, revoke_at_ms)
        await self.unschedule(user_id)

    async def lock(self, user_id: int, lifetime_ms: int) -> str | None:
        """The owner's name, for `unlock`; None: another process refreshes the grant."""
        owner = secrets.token_hex(8)
        async with available(), self._durable.reachable():
            taken = await self._durable.redis.set(
                keys.grant_lock(user_id), owner, nx=True, px=lifetime_ms
            )
        return owner if taken else None

    async def unlock(self, user_id: int, owner: str) -> None:
        """Others may refresh the grant again."""
        async with available():
            await self._durable.run_script(_RELEASE, [keys.grant_lock(user_id)], owner)

    async def due(self, now_ms: int, limit: int) -> list[int]:
        """Users whose grant is to be checked, the longest overdue first."""
        return await self._listed(keys.GRANTS_DUE, now_ms, limit)

    async def schedule(self, user_id: int, at_ms: int) -> None:
        """Check the grant then."""
        await self._list(keys.GRANTS_DUE, user_id, at_ms)

    async def unschedule(self, user_id: int) -> None:
        """There is nothing to check."""
        async with available(), self._durable.reachable():
            await self._durable.redis.zrem(keys.GRANTS_DUE, str(user_id))

    async def request_revocation(self, user_id: int, tokens: bytes, at_ms: int) -> None:
        """Tokens to be revoked at Discord, from then on. Listed first, as in `store`."""
        await self.postpone_revocation(user_id, at_ms)
        async with available(), self._durable.reachable():
            await self._durable.redis.set(keys.revocation(user_id), tokens)
        await self.postpone_revocation(user_id, at_ms)  # `revoked` may have been under way

    async def revocations_due(self, now_ms: int, limit: int) -> list[int]:
        """Users with tokens that are still to be revoked."""
        return await self._listed(keys.REVOCATIONS, now_ms, limit)

    async def revocation(self, user_id: int) -> bytes | None:
        """The encrypted tokens."""
        async with available(), self._durable.reachable():
            found = await self._durable.redis.get(keys.revocation(user_id))
        return found if isinstance(found, bytes) else None

    async def postpone_revocation(self, user_id: int, at_ms: int) -> None:
        """Try then."""
        await self._list(keys.REVOCATIONS, user_id, at_ms)

    async def revoked(self, user_id: int) -> None:
        """Nothing is left to be revoked."""
        async with available(), self._durable.reachable():
            await self._durable.redis.delete(keys.revocation(user_id))
            await self._durable.redis.zrem(keys.REVOCATIONS, str(user_id))

    async def revoked_these(self, user_id: int, tokens: bytes, now_ms: int) -> None:
        """Discord has ended these. Others that wait by now are still to be revoked."""
        async with available(), self._durable.reachable():
            await self._durable.redis.zrem(keys.REVOCATIONS, str(user_id))
        async with available():
            deleted = await self._durable.run_script(_RELEASE, [keys.revocation(user_id)], tokens)
        if not deleted and await self.revocation(user_id) is not None:
            await self.postpone_revocation(user_id, now_ms)

    async def secret_key(self, made: str | None) -> str | None:
        """The key that was made while SECRET_KEY was empty. `made`: kept if there is none yet."""
        async with available(), self._durable.reachable():
            if made is not None:
                await self._durable.redis.set(keys.SECRET_KEY, made, nx=True)
            found = await self._durable.redis.get(keys.SECRET_KEY)
        return found.decode("ascii", "replace") if isinstance(found, bytes) else None

    async def _list(self, name: str, user_id: int, at_ms: int) -> None:
        scores: Mapping[Any, Any] = {str(user_id): at_ms}
        async with available(), self._durable.reachable():
            await self._durable.redis.zadd(name, scores)

    async def _listed(self, name: str, now_ms: int, limit: int) -> list[int]:
        async with available(), self._durable.reachable():
            found: list[Any] = list(
                await self._durable.redis.zrangebyscore(name, "-inf", now_ms, start=0, num=limit)
            )
        return [int(one) for one in filter(keys.is_id, found)]


async def sign_out(durable: Store, user_id: int, *, revoke_at_ms: int | None) -> None:
    """End the user's grant and all their sessions: see `GrantStore.end`. Raises
    DurableUnavailable."""
    await GrantStore(durable).end(user_id, revoke_at_ms=revoke_at_ms)
    await SessionStore(durable).end_all(user_id)


def _time(value: bytes | None) -> int:
    return int(value) if value and value.isdigit() and len(value) <= keys.MAX_ID_DIGITS else 0
