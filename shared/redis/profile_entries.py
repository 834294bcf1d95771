"""The profile source's answers in Redis: read alone or beside a snapshot, claimed, stored.

A claim is the right to ask the source about a user. One process at a time has it. Entries are
bytes here; shared.profiles.cache knows what is in them. Every function raises StoreUnavailable.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct
from redis.exceptions import ResponseError

from shared.model.snapshot import Snapshot
from shared.redis import keys
from shared.redis.clients import is_damage, read
from shared.redis.connections import Command
from shared.redis.scripts import Script
from shared.redis.store import (
    SNAPSHOT_FIELDS,
    SnapshotDamaged,
    Store,
    StoreUnavailable,
    snapshot_of,
)

_CLAIM: Final = Script("profile_claim.lua")
_SAVE: Final = Script("profile_save.lua")
_SAVE_FAILURE: Final = Script("profile_save_failure.lua")
_RELEASE: Final = Script("profile_release.lua")


class UserRow(Struct, frozen=True):
    """One user's snapshot and profile entry, as Redis held them at one moment."""

    snapshot: Snapshot | SnapshotDamaged | None  # None: not monitored
    entry: bytes | None = None
    entry_ttl_s: float = 0.0  # seconds until the entry expires
    entry_damaged: bool = False  # the key does not hold a string
    history: bytes = b""  # Fields.history, if it was asked for


async def load_users(
    store: Store, user_ids: Sequence[int], *, with_entries: bool, with_history: bool = False
) -> list[UserRow | StoreUnavailable]:
    """Each user's row in one round trip, or the error that concerns this user alone."""
    if store.is_expired:
        return [UserRow(None) for _ in user_ids]
    fields = (*SNAPSHOT_FIELDS, "history") if with_history else SNAPSHOT_FIELDS
    commands: list[Command] = []
    for user_id in user_ids:
        commands.append(("HMGET", keys.presence(user_id), *fields))
        if with_entries:
            commands += (("GET", keys.profile(user_id)), ("PTTL", keys.profile(user_id)))
    async with store.reachable():
        replies = await read(store.redis, commands)
    width = 3 if with_entries else 1
    return [_row(replies[start : start + width]) for start in range(0, len(replies), width)]


def _row(replies: list[Any]) -> UserRow | StoreUnavailable:
    for reply in replies:
        if isinstance(reply, Exception) and not is_damage(reply):
            unavailable = StoreUnavailable(f"Redis refuses: {type(reply).__name__}")
            unavailable.__cause__ = reply
            return unavailable
    held, history = replies[0], None
    if isinstance(held, list) and len(held) > len(SNAPSHOT_FIELDS):
        *held, history = held
    snapshot, history = snapshot_of(held), history or b""
    if len(replies) == 1:
        return UserRow(snapshot, history=history)
    if isinstance(replies[1], Exception):
        return UserRow(snapshot, entry_damaged=True, history=history)
    return UserRow(snapshot, replies[1], replies[2] / 1000, history=history)


async def load_entry(store: Store, user_id: int) -> tuple[bytes, int] | None:
    """The entry and its remaining TTL in milliseconds; None when there is none."""
    async with store.reachable():
        pipe = store.redis.pipeline(transaction=False)
        pipe.get(keys.profile(user_id))
        pipe.pttl(keys.profile(user_id))
        entry, ttl_ms = await pipe.execute()
    return None if entry is None else (entry, ttl_ms)


async def claim_entry(
    store: Store, user_id: int, claim: str, *, ttl_ms: int, fresh_above_ms: int
) -> int:
    """0: the entry has more than `fresh_above_ms` left, or another process has the claim;
    1: claimed, for `ttl_ms` at most; 2: the user is not monitored."""
    return int(await store.run_script(_CLAIM, _names(user_id), claim, ttl_ms, fresh_above_ms))


async def load_hidden(store: Store, user_id: int) -> bytes:
    """What the user hides now, as `hidden_of` decodes it; empty: nothing."""
    async with store.reachable():
        try:
            [found] = await store.redis.hmget(keys.presence(user_id), ["hidden"])
        except ResponseError as error:
            if not is_damage(error):
                raise
            return b""
    return found if isinstance(found, bytes) else b""


async def save_entry(
    store: Store, user_id: int, claim: str, entry: bytes, ttl_ms: int, hidden: bytes
) -> bool:
    """Store the entry of a user who is still monitored, and release the claim.

    False: the user does not hide the same as `hidden` (of `load_hidden`), and nothing is done.
    """
    names = (*_names(user_id), keys.presence(user_id))
    return bool(await store.run_script(_SAVE, names, claim, entry, ttl_ms, hidden))


async def save_failure(store: Store, user_id: int, claim: str, entry: bytes, ttl_ms: int) -> None:
    """As `save_entry`, unless there is an entry; the claim is kept for `ttl_ms`."""
    await store.run_script(_SAVE_FAILURE, _names(user_id), claim, entry, ttl_ms)


async def release_entry(store: Store, user_id: int, claim: str) -> None:
    """Release the claim: the next reader asks the source."""
    await store.run_script(_RELEASE, _names(user_id), claim)


def _names(user_id: int) -> tuple[str, str, str]:
    return keys.profile(user_id), keys.profile_lock(user_id), keys.guilds(user_id)
