"""All that users wrote, read from the durable Redis and written to it, by name and value.

Not Redis' own files: those cannot be read by an older server, and hold presences as well. What came
from signing in with Discord is left out: see keys.is_of_consent.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from shared.model.key_value import EMPTY
from shared.redis import keys
from shared.redis.durable import DUE_AT_ONCE, DurableKv, available
from shared.redis.store import Store
from shared.redis.user_settings import UserSettingsStore

_NAMES: Final = b"durable:*"
_SCAN_COUNT: Final = 500
_NOT_KEPT: Final = frozenset({keys.KV_RECENT.encode(), keys.HISTORY_WATCHED.encode()})
"""What says something of the moment only."""

Kind = Literal["string", "hash", "set", "zset", "list"]


class DurableEntry(Struct, frozen=True):
    """One key. Bytes are base64 in JSON."""

    name: bytes
    kind: Kind
    value: list[bytes]  # the string; fields and values; members; members and scores; items
    ttl_ms: int | None = None


def problem(entry: DurableEntry) -> str:
    """Why this is no key that `entries` gives; empty: it is one."""
    name, value = entry.name, entry.value
    if not name.startswith(b"durable:") or name in _NOT_KEPT or keys.is_of_consent(name):
        return "a key that backups do not hold"
    pairs = entry.kind in ("hash", "zset")
    if not value or (pairs and len(value) % 2) or (entry.kind == "string" and len(value) > 1):
        return "a value that is not whole"
    if entry.kind == "zset" and not all(map(_is_score, value[1::2])):
        return "a score that is no number"
    return ""


def _is_score(text: bytes) -> bool:
    try:
        return not math.isnan(float(text))
    except ValueError:
        return False


async def entries(durable: Store) -> AsyncIterator[DurableEntry]:
    """Every key, as it is at the moment when it is read. Raises DurableUnavailable."""
    async for name in names(durable):
        async with available(), durable.reachable():
            entry = await _read(durable.redis, name)
        if entry is not None:
            yield entry


async def replace_all(durable: Store, wanted: Sequence[DurableEntry]) -> None:
    """Make the durable Redis hold these keys, and no others. Raises DurableUnavailable.

    What came from signing in with Discord stays as it is: backups do not hold it.

    May be repeated after a failure. Readers see the key-value stores a moment later: each gets a
    new revision, as their copies are newer than what is restored. Gateways load all settings again.
    """
    kept = {entry.name for entry in wanted}
    before = [name async for name in names(durable)]
    for entry in wanted:
        async with available(), durable.reachable():
            await _write(durable.redis, entry)
    users = [user for name in {*before, *kept} if (user := _user_of_kv(name)) is not None]
    for name in before:
        if name not in kept and _user_of_kv(name) is None:
            async with available(), durable.reachable():
                await durable.redis.delete(name)
    await _renew(durable, users, kept)
    await UserSettingsStore(durable).announce_all()


async def names(durable: Store) -> AsyncIterator[bytes]:
    """Of all keys that backups hold, each once. Raises DurableUnavailable."""
    seen: set[bytes] = set()
    found = aiter(durable.redis.scan_iter(match=_NAMES, count=_SCAN_COUNT))
    while True:
        async with available(), durable.reachable():  # it is the steps that ask Redis
            name = await anext(found, None)
        if name is None:
            return
        if name not in seen and name not in _NOT_KEPT and not keys.is_of_consent(name):
            seen.add(name)
            yield name


async def _renew(durable: Store, users: Sequence[int], kept: Collection[bytes]) -> None:
    """Give each store a revision that is newer than every copy; what was removed is empty."""
    kv = DurableKv(durable)
    for user_id in users:
        name = keys.durable_kv(user_id)
        restored = await kv.load(user_id)
        content = restored.kv if name.encode() in kept else EMPTY
        now = int(await durable.server_time() * 1e6)
        revision = max(restored.revision + 1, now)
        mapping: Any = {"revision": str(revision), "kv": content}
        async with available(), durable.reachable():
            await durable.redis.hset(name, mapping=mapping)
        await kv.note([user_id], DUE_AT_ONCE)


def _user_of_kv(name: bytes) -> int | None:
    start, end = b"durable:{", b"}:kv"
    inner = name[len(start) : -len(end)]
    is_kv = name.startswith(start) and name.endswith(end) and inner.isdigit()
    return int(inner) if is_kv and len(inner) <= keys.MAX_ID_DIGITS else None


async def _read(redis: Any, name: bytes) -> DurableEntry | None:
    """None: it is gone, or of a kind that Grux does not write."""
    kind = (await redis.type(name)).decode()
    ttl_ms = await redis.pttl(name)
    match kind:
        case "string":
            found = await redis.get(name)
            value = [] if found is None else [found]
        case "hash":
            value = [part for pair in (await redis.hgetall(name)).items() for part in pair]
        case "set":
            value = list(await redis.smembers(name))
        case "zset":
            rows = await redis.zrange(name, 0, -1, withscores=True)
            value = [part for member, score in rows for part in (member, repr(score).encode())]
        case "list":
            value = await redis.lrange(name, 0, -1)
        case _:
            return None
    if not value:
        return None
    return DurableEntry(name, msgspec.convert(kind, Kind), value, ttl_ms if ttl_ms >= 0 else None)


async def _write(redis: Any, entry: DurableEntry) -> None:
    """In one transaction: no process reads the key while it is missing."""
    value = entry.value
    pipe = redis.pipeline(transaction=True)
    pipe.delete(entry.name)
    match entry.kind:
        case "string":
            pipe.set(entry.name, value[0])
        case "hash":
            pipe.hset(entry.name, mapping=dict(zip(value[::2], value[1::2], strict=True)))
        case "set":
            pipe.sadd(entry.name, *value)
        case "zset":
            scores = zip(value[::2], value[1::2], strict=True)
            pipe.zadd(entry.name, {member: float(score) for member, score in scores})
        case "list":
            pipe.rpush(entry.name, *value)
    if entry.ttl_ms is not None:
        pipe.pexpire(entry.name, entry.ttl_ms)
    await pipe.execute()
