"""How far a shard's session has been handled, kept in Redis beside what it was handled into.

A bookmark says: everything up to this event is in Redis. Whoever runs the shard next resumes from
there, and Discord repeats the rest. It is written only by who has the lease, and only onto the
one that it wrote before: a Redis that has lost anything meanwhile shows in that.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Struct

from services.gateway.lease import Lease
from services.gateway.session import Session
from shared import keys
from shared.store import Store

KEPT: Final = 600.0  # seconds after the last change: Discord keeps a session for some minutes

NOT_OURS: Final = 0
LOST: Final = -1

# What a server was started as: another one may hold what was true a while ago.
_SERVER = "local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') or ''\n"

# KEYS lease, session; ARGV owner, the mark that is there ('': any), the new mark, bookmark (empty:
# as it is), ms.
_SAVE = (
    _SERVER
    + """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local found = redis.call('HMGET', KEYS[2], 'mark', 'server')
if ARGV[2] ~= '' and (found[1] ~= ARGV[2] or found[2] ~= run) then return -1 end
if ARGV[4] ~= '' then
  redis.call('HSET', KEYS[2], 'mark', ARGV[3], 'server', run, 'bookmark', ARGV[4])
end
redis.call('PEXPIRE', KEYS[2], ARGV[5])
return 1
"""
)
# KEYS session.
_LOAD = (
    _SERVER
    + """
local found = redis.call('HMGET', KEYS[1], 'server', 'bookmark')
return found[1] == run and found[2]
"""
)


class Bookmark(Struct, frozen=True, kw_only=True):
    """A shard at one event, as far as it is not in Redis anyway."""

    made_for: str  # which bot and settings: others need other events, from the beginning
    session: Session
    guilds: list[int]  # whose members are all known
    partial: list[int]  # whose members are still being asked for
    awaited: list[int]  # named by Discord, and not shown yet
    lookups: dict[int, list[int]]  # members that are being asked for, by guild
    announce: bool  # whether readers are still to be told that everyone was written anew


async def save(
    store: Store, lease: Lease, bookmark: Bookmark | None, before: str, mark: str
) -> int:
    """Write it over the one with the mark `before` (empty: any). Raises StoreUnavailable.

    None: see only that the one before is there. NOT_OURS: another process has the lease. LOST:
    Redis does not hold what we wrote before.
    """
    async with store.reachable():
        return int(
            await store.redis.eval(
                _SAVE,
                2,
                lease.key,
                keys.session(*lease.shard),
                *(lease.owner, before, mark, msgspec.json.encode(bookmark) if bookmark else b""),
                round(KEPT * 1000),
            )
        )


async def load(store: Store, shard: tuple[int, int]) -> Bookmark | None:
    """None when there is none that this Redis server has held all along, or none that this
    version understands. Raises StoreUnavailable."""
    async with store.reachable():
        found: Any = await store.redis.eval(_LOAD, 1, keys.session(*shard))
    try:
        return msgspec.json.decode(found, type=Bookmark) if found else None
    except msgspec.MsgspecError:
        return None


async def drop(store: Store, shard: tuple[int, int]) -> None:
    """The session is over. Raises StoreUnavailable."""
    async with store.reachable():
        await store.redis.delete(keys.session(*shard))
