"""What single guilds report of a user, as gateway processes leave it to each other.

`presence:{<user>}` holds what is shown. Its field `reports` holds what a process needs besides, in
order to merge its own reports with those of the user's other guilds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from shared.model.validation import is_version
from shared.redis import keys
from shared.redis.clients import is_damage
from shared.redis.store import Store

_GUILDS: Final = 512  # of one user: few have more


class StoredReports(Struct, frozen=True):
    """What was saved of a user last, and by it the guilds that they are in."""

    version: int  # 0: nothing is saved
    discord: bytes | None  # Fields.discord
    reports: bytes | None  # Fields.reports
    guilds: frozenset[int]
    members: int  # SCARD of guilds:{user}: counts entries that are no ids, too
    history: bytes = b""  # Fields.history


async def load(store: Store, user_ids: Sequence[int]) -> list[StoredReports]:
    """For each user, in one round trip; empty where a key has another type. Raises
    StoreUnavailable."""
    async with store.reachable():
        pipe = store.redis.pipeline(transaction=False)
        for user_id in user_ids:
            pipe.hmget(keys.presence(user_id), ["version", "discord", "reports", "history"])
            pipe.sscan(keys.guilds(user_id), count=_GUILDS)
        found = await _replies(pipe)
    loaded = []
    for user_id, fields, listed in zip(user_ids, found[::2], found[1::2], strict=True):
        values: Sequence[Any] = fields or (None,) * 4
        version, discord, reports, history = values
        cursor, guilds = listed or (0, ())
        guild_ids, members = {int(one) for one in filter(keys.is_id, guilds)}, len(guilds)
        if cursor:
            guild_ids = {one async for batch in store.ids(keys.guilds(user_id)) for one in batch}
            members = len(guild_ids)
        number = int(version) if is_version(version) else 0
        loaded.append(
            StoredReports(number, discord, reports, frozenset(guild_ids), members, history or b"")
        )
    return loaded


class _LastSeen(Struct):
    last_seen: int | None = None


_decode_last_seen: Final = msgspec.json.Decoder(_LastSeen).decode


async def load_last_seen(store: Store, user_ids: Sequence[int]) -> list[int | None]:
    """Presence.last_seen as it is shown of each user, in one round trip; None where a key has
    another type. Raises StoreUnavailable."""
    async with store.reachable():
        pipe = store.redis.pipeline(transaction=False)
        for user_id in user_ids:
            pipe.hget(keys.presence(user_id), "presence")
        found = await _replies(pipe)
    return [_last_seen(presence) for presence in found]


async def _replies(pipe: Any) -> list[Any]:
    """None where other software has written over a key, which has another type now."""
    found: list[Any] = list(await pipe.execute(raise_on_error=False))
    for reply in found:
        if isinstance(reply, Exception) and not is_damage(reply):
            raise reply
    return [None if isinstance(reply, Exception) else reply for reply in found]


def _last_seen(presence: bytes | None) -> int | None:
    try:
        return _decode_last_seen(presence).last_seen if presence else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None  # other software has written over it; the next save replaces it
