"""Whether Redis holds everybody: else who is missing from it may only not be written yet.

The hash `whole` has a field for each shard, `shard/shards`: a token, which nobody but Redis keeps,
so that it is gone with whatever else Redis loses; and behind it, once everybody in the guilds of
the shard has been written since, which start of which server that was (of a cluster: of all its
masters).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from redis.exceptions import ResponseError

from shared.redis import keys
from shared.redis.store import Store, StoreUnavailable

# KEYS whole; ARGV shard, a token. Gives the token that is there now, and whether it is this one.
_EPOCH = """
local found = redis.pcall('HGET', KEYS[1], ARGV[1])
if type(found) == 'table' then redis.call('DEL', KEYS[1]) end  -- the key is no hash, so not ours
local token = type(found) == 'string' and string.match(found, '^%w+')
if token then return {token, 0} end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return {ARGV[2], 1}
"""

# KEYS whole; ARGV shard, shards, token, server. Shards of another division of the guilds end.
_VOUCH = """
local shard = ARGV[1] .. '/' .. ARGV[2]
if string.match(redis.call('HGET', KEYS[1], shard) or '', '%w*') ~= ARGV[3] then return 0 end
redis.call('HSET', KEYS[1], shard, ARGV[3] .. ' ' .. ARGV[4])
for _, other in ipairs(redis.call('HKEYS', KEYS[1])) do
  if string.match(other, '/(.*)') ~= ARGV[2] then redis.call('HDEL', KEYS[1], other) end
end
return 1
"""


async def epoch(store: Store, shard_id: int, shard_count: int) -> tuple[str, bool]:
    """A name for the time in which Redis loses nothing, and whether it begins now.

    Redis has lost something when what stood there is gone, and when it was started again: then it
    may hold what was true a while ago. Raises StoreUnavailable.
    """
    server = await _server(store)
    async with store.reachable():
        token, begun = await store.redis.eval(
            _EPOCH, 1, keys.WHOLE, f"{shard_id}/{shard_count}", secrets.token_hex(8)
        )
    return f"{token.decode()} {server}", bool(begun)


async def vouch(store: Store, shard_id: int, shard_count: int, of: str) -> bool:
    """Everybody in the guilds of the shard has been written since that epoch began.

    False when it has ended meanwhile. Raises StoreUnavailable.
    """
    async with store.reachable():
        return bool(
            await store.redis.eval(
                _VOUCH, 1, keys.WHOLE, shard_id, shard_count, *of.split(" ", maxsplit=1)
            )
        )


async def gone(store: Store, user_ids: Sequence[int]) -> set[int]:
    """Whom of these nobody monitors, for certain; nobody while Redis does not hold everybody.

    Raises StoreUnavailable.
    """
    async with store.reachable():
        before = await store.redis.hgetall(keys.WHOLE)
        pipe = store.redis.pipeline(transaction=False)
        for user_id in user_ids:
            pipe.hexists(keys.presence(user_id), "version")
        there = await pipe.execute()
        after = await store.redis.hgetall(keys.WHOLE)  # Redis may be emptied in between
    if before != after or not _is_whole(before, await _server(store)):
        return set()
    return {user_id for user_id, held in zip(user_ids, there, strict=True) if not held}


def _is_whole(vouched: Mapping[Any, Any], server: str) -> bool:
    shards = {_text(field).partition("/")[2] for field in vouched}
    servers = {_text(value).partition(" ")[1:] for value in vouched.values()}
    return shards == {str(len(vouched))} and servers == {(" ", server)}


def _text(value: bytes) -> str:
    return value.decode("ascii", "replace")  # whoever else may have written it


async def _server(store: Store) -> str:
    """Empty where INFO is not allowed: then a Redis with older data passes for itself."""
    try:
        return await store.server_runs()
    except StoreUnavailable as refused:
        if isinstance(refused.__cause__, ResponseError):
            return ""
        raise
