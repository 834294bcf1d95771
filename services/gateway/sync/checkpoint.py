"""How far a shard's session has been handled, kept in Redis beside what it was handled into.

A bookmark says: everything up to this event is in Redis. Whoever runs the shard next resumes from
there, and Discord repeats the rest. It is written only by who has the lease, and only where the
mark stands that was set before: a Redis that has lost anything meanwhile shows in that.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Struct

from services.gateway.discord.session import Session
from services.gateway.sync.lease import Lease
from shared.redis import keys
from shared.redis.store import Store

KEPT: Final = 600.0  # seconds after the last change: Discord keeps a session for some minutes

NOT_OURS: Final = 0
LOST: Final = -1

# What a server was started as: another one may hold what was true a while ago.
_SERVER = "local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') or ''\n"

# KEYS lease, session; ARGV owner, mark, ms.
_BEGIN = (
    _SERVER
    + """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[2], 'mark', ARGV[2], 'server', run)
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return 1
"""
)
# KEYS lease, session; ARGV owner, mark, ms, bookmark (empty: as it is).
_SAVE = (
    _SERVER
    + """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local found = redis.call('HMGET', KEYS[2], 'mark', 'server')
if found[1] ~= ARGV[2] or found[2] ~= run then return -1 end
if ARGV[4] ~= '' then redis.call('HSET', KEYS[2], 'bookmark', ARGV[4]) end
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return 1
"""
)
# KEYS session.
_LOAD = (
    _SERVER
    + """
local found = redis.call('HMGET', KEYS[1], 'server', 'mark', 'bookmark')
return found[1] == run and found[3] and {found[2], found[3]}
"""
)


class ResumeCheckpoint(Struct, frozen=True, kw_only=True):
    """A shard at one event, as far as it is not in Redis anyway."""

    made_for: str  # which bot and settings: others need other events, from the beginning
    session: Session
    guilds: list[int]  # whose members are all known
    partial: list[int]  # whose members are still being asked for
    awaited: list[int]  # named by Discord, and not shown yet
    silent: list[int]  # shown before, and unavailable now
    lookups: dict[int, list[int]]  # members that are being asked for, by guild
    announce: bool  # whether readers are still to be told that everyone was written anew


async def begin(store: Store, lease: Lease, mark: str) -> bool:
    """There is no bookmark from now on, and `mark` stands where one will. False: another process
    has the lease. Raises StoreUnavailable."""
    return await _run(store, lease, _BEGIN, mark) != NOT_OURS


async def save(store: Store, lease: Lease, mark: str, bookmark: ResumeCheckpoint | None) -> int:
    """Write it; None: see only that `mark` is there. Raises StoreUnavailable.

    NOT_OURS: another process has the lease. LOST: `mark` is gone, and anything else may be.
    """
    encoded = msgspec.json.encode(bookmark) if bookmark else b""
    return await _run(store, lease, _SAVE, mark, encoded)


async def load(store: Store, shard: tuple[int, int]) -> tuple[str, ResumeCheckpoint] | None:
    """It and its mark. None when there is none that this Redis server has held all along, or none
    that this version understands. Raises StoreUnavailable."""
    async with store.reachable():
        found: Any = await store.redis.eval(_LOAD, 1, keys.session(*shard))
    try:
        return (
            (found[0].decode(), msgspec.json.decode(found[1], type=ResumeCheckpoint))
            if found
            else None
        )
    except msgspec.MsgspecError:
        return None


async def _run(store: Store, lease: Lease, script: str, mark: str, *more: bytes) -> int:
    names = lease.key, keys.session(*lease.shard)
    async with store.reachable():
        return int(
            await store.redis.eval(script, 2, *names, lease.owner, mark, round(KEPT * 1000), *more)
        )
