"""The histories of people who want one, in the durable Redis. They expire by themselves.

What changes often is small: one hash holds whether the person is seen, and their activities that
are not over. Those that are over are in a sorted set, each written once.

The script that writes looks at the settings in the same slot. So a write that is on its way when a
person switches their history off keeps nothing.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from shared.model.history import (
    HISTORY_MAX_DAYS,
    HISTORY_MAX_ENTRIES,
    ActivitySession,
    History,
    Seen,
    shown,
)
from shared.redis import keys
from shared.redis.clients import is_damage
from shared.redis.durable import available
from shared.redis.scripts import Argument, Call, Script
from shared.redis.store import Store
from shared.redis.user_settings import UserSettingsStore

_WRITE: Final = Script("history_write.lua")
_DAY_MS: Final = 86_400_000
NEWEST_ENTRIES: Final = 10
"""How many ended activities a recorder looks at: one of them may go on."""

_encode = msgspec.json.encode
_decode_seen: Final = msgspec.json.Decoder(Seen).decode
_decode_session: Final = msgspec.json.Decoder(ActivitySession).decode
_decode_sessions: Final = msgspec.json.Decoder(tuple[ActivitySession, ...]).decode
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class StoredHistory(Struct, frozen=True, kw_only=True):
    """One person's history at one moment. What other software has written counts as missing."""

    revision: int = 0  # 0: nothing is stored
    seen: Seen | None = None
    running: tuple[ActivitySession, ...] = ()
    ended: tuple[ActivitySession, ...] = ()  # the newest first; perhaps only the newest ones


class HistoryWrite(Struct, frozen=True, kw_only=True):
    """What replaces a StoredHistory."""

    revision: int  # of what it was made from
    seen: Seen
    running: tuple[ActivitySession, ...] = ()
    removed: tuple[ActivitySession, ...] = ()  # ended ones that run again, or are hidden now
    ended: tuple[ActivitySession, ...] = ()  # those that have ended since


class HistoryStore:
    """The histories of everybody. Every method raises DurableUnavailable."""

    def __init__(self, durable: Store, *, days: int = HISTORY_MAX_DAYS) -> None:
        """`days`: HISTORY_DAYS."""
        self._durable = durable
        self._settings = UserSettingsStore(durable)
        self._kept_ms = days * _DAY_MS

    async def of_user(self, user_id: int, *, now_ms: int | None = None) -> History:
        """What may be shown of one person's."""
        now = _now_ms() if now_ms is None else now_ms
        settings = await self._settings.get(user_id)
        if settings.history == "off":
            return History()
        [found] = await self._load([user_id], oldest_ms=now - self._kept_ms)
        return shown(settings, found.seen, [*found.running, *found.ended], now)

    async def load_many(self, user_ids: Sequence[int]) -> list[StoredHistory]:
        """Each person's, with the newest of their ended activities, in one round trip."""
        return await self._load(user_ids, newest=NEWEST_ENTRIES)

    async def load_all(self, user_id: int) -> StoredHistory:
        """Everything that is stored of one person, also what is too old to be shown."""
        [found] = await self._load([user_id])
        return found

    async def write_many(
        self, writes: Mapping[int, HistoryWrite], *, now_ms: int | None = None
    ) -> dict[int, bool]:
        """In one round trip: whether each person's is done. False: it was changed meanwhile, and
        has to be loaded again. Nothing is kept of people who want no history."""
        if not writes:
            return {}
        now = _now_ms() if now_ms is None else now_ms
        calls = [self._call(user_id, write, now) for user_id, write in writes.items()]
        async with available(), self._durable.reachable():
            results = await _WRITE.run_many(self._durable.redis, calls)
        return {user_id: bool(done) for user_id, done in zip(writes, results, strict=True)}

    async def drop_old(self, user_ids: Sequence[int], *, now_ms: int | None = None) -> None:
        """Erase what is older than HISTORY_DAYS, in one round trip."""
        now = _now_ms() if now_ms is None else now_ms
        names = [keys.history_recent(user_id) for user_id in user_ids]
        limit = f"({now - self._kept_ms}"
        async with available(), self._durable.reachable():
            pipe = self._durable.redis.pipeline(transaction=False)
            for name in names:
                pipe.zrangebyscore(name, "-inf", limit)
            old = await pipe.execute(raise_on_error=False)
            pipe = self._durable.redis.pipeline(transaction=False)
            for name, entries in zip(names, old, strict=True):
                if isinstance(entries, Exception):
                    _raise_unless_damage(entries)
                elif entries:
                    pipe.zrem(name, *entries)
            await pipe.execute()

    async def export(self, user_id: int) -> dict[str, Any] | None:
        """Everything that is stored of one person, for JSON; None: nothing."""
        found = await self.load_all(user_id)
        if found.seen is None and not found.running and not found.ended:
            return None
        return {
            "seen": msgspec.to_builtins(found.seen),
            "recent": msgspec.to_builtins([*found.running, *found.ended]),
        }

    async def erase(self, user_id: int) -> None:
        """Forget it all. A gateway goes on to record while the person's settings want it."""
        async with available(), self._durable.reachable():
            await self._durable.redis.delete(keys.history(user_id), keys.history_recent(user_id))

    async def watched(self) -> dict[str, int]:
        """By `shard/shards`: when, in ms, a gateway last saw the users of that shard."""
        async with available(), self._durable.reachable():
            found: Mapping[Any, Any] = await self._durable.redis.hgetall(keys.HISTORY_WATCHED)
        return {
            name.decode("utf-8", "replace"): int(time_ms)
            for name, time_ms in found.items()
            if time_ms.isdigit() and len(time_ms) < keys.MAX_ID_DIGITS
        }

    async def note_watched(self, shards: Sequence[str], at_ms: int) -> None:
        """A gateway sees the users of these shards (`shard/shards`)."""
        mapping: Any = dict.fromkeys(shards, str(at_ms))
        async with available(), self._durable.reachable():
            await self._durable.redis.hset(keys.HISTORY_WATCHED, mapping=mapping)

    async def _load(
        self, user_ids: Sequence[int], *, newest: int = 0, oldest_ms: int = 0
    ) -> list[StoredHistory]:
        """Of the ended activities, the `newest` ones (0: all), or those since `oldest_ms`."""
        async with available(), self._durable.reachable():
            pipe = self._durable.redis.pipeline(transaction=False)
            for user_id in user_ids:
                pipe.hmget(keys.history(user_id), ["revision", "seen", "open"])
                name = keys.history_recent(user_id)
                if newest:
                    pipe.zrange(name, -newest, -1)
                else:
                    pipe.zrangebyscore(name, oldest_ms, "+inf")
            found = await pipe.execute(raise_on_error=False)
            for reply in found:
                if isinstance(reply, Exception):
                    _raise_unless_damage(reply)
        return [_stored(state, ended) for state, ended in zip(found[::2], found[1::2], strict=True)]

    def _call(self, user_id: int, write: HistoryWrite, now_ms: int) -> Call:
        names = [
            keys.durable_settings(user_id),
            keys.history(user_id),
            keys.history_recent(user_id),
        ]
        arguments: list[Argument] = [
            write.revision,
            _encode(write.seen),
            _encode(write.running) if write.running else b"",
            self._kept_ms // 1000,
            now_ms - self._kept_ms,
            HISTORY_MAX_ENTRIES,
            len(write.removed),
            *map(_encode, write.removed),
        ]
        for session in write.ended:
            arguments += (session.ended_at or now_ms, _encode(session))
        return names, arguments


def _raise_unless_damage(error: Exception) -> None:
    if not is_damage(error):
        raise error


def _stored(state: Any, ended: Any) -> StoredHistory:
    if isinstance(state, Exception):
        return StoredHistory()
    revision, seen, running = state
    if revision is None or not revision.isdigit():
        return StoredHistory()
    try:
        return StoredHistory(
            revision=int(revision),
            seen=_decode_seen(seen) if seen else None,
            running=_decode_sessions(running) if running else (),
            ended=tuple(_readable([] if isinstance(ended, Exception) else ended[::-1])),
        )
    except _UNREADABLE:
        return StoredHistory(revision=int(revision))


def _readable(entries: Sequence[bytes]) -> list[ActivitySession]:
    found = []
    for entry in entries:
        try:
            session = _decode_session(entry)
        except _UNREADABLE:
            continue
        found.append(session)
    return found


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
