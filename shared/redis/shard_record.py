"""The record of a shard in Redis: one hash, read and changed by one script.

It says which process runs the shard and until when, whether another one waits to, and how far the
session with Discord has been handled. Its generation is a token that is kept in Redis alone, beside
the servers' run ids: Redis that was emptied, or restarted with older data, has lost it or has other
run ids, and then the next `hold` begins a new one. services/gateway/sync/lease.py has the rules.
Every function raises StoreUnavailable.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from typing import Any, Final, Literal

from msgspec import Struct
from redis.asyncio.cluster import RedisCluster
from redis.exceptions import ResponseError

from shared.discord.snowflake import ShardKey
from shared.redis import keys
from shared.redis.scripts import Argument, Script
from shared.redis.store import Store, StoreUnavailable

ClaimState = Literal["held", "expired", "released", "missing", "doubtful"]
"""What a process finds that wants the shard. `missing` and `doubtful` (a claim that has not
expired): Redis may have lost which process runs it."""

MAX_SHARDS: Final = 4096  # more in Redis is not ours
RECORD_TTL_S: Final = 30 * 24 * 3600  # after the last change: for readers while no gateway runs
CHECKPOINT_TTL_S: Final = 600.0  # without a holder: Discord keeps a session for some minutes
NO_CHECKPOINT: Final = b"none"  # removes the saved one

_SCRIPT: Final = Script("shard_record.lua")


class Held(Struct, frozen=True):
    """Redis has renewed the claim."""

    generation: str
    is_new: bool  # the generation begins with this call
    has_standby: bool


async def acquire(
    store: Store,
    shard: ShardKey,
    owner: str,
    ttl_s: float,
    allowed: Sequence[ClaimState],
    *,
    stand_by: bool,
) -> ClaimState | Literal["acquired"]:
    """Take the shard if its state is one of `allowed`; else the state that was found.

    `stand_by`: tell the holder that a process waits.
    """
    state, acquired = await _run(
        store,
        shard,
        "acquire",
        owner,
        _ms(ttl_s),
        int(stand_by),
        " ".join(allowed),
        _ms(CHECKPOINT_TTL_S),
    )
    return "acquired" if acquired else state.decode()


async def hold(
    store: Store,
    shard: ShardKey,
    owner: str,
    ttl_s: float,
    *,
    was_stopped: bool = False,
    suspects_loss: bool = False,
    generation: str = "",
    checkpoint: bytes = b"",
) -> Held | Literal["taken", "missing"]:
    """Renew the claim, and set the fencing clock by the time of Redis.

    Without a result other than Held nothing is changed: the shard is "taken" by another process, or
    "missing" where a process that `was_stopped` cannot know whether it was. `suspects_loss` begins
    a new generation in any case. `checkpoint` is saved if `generation` is still the current one;
    empty: the saved one stays.
    """
    result, seconds, microseconds, *held = await _run(
        store,
        shard,
        "hold",
        owner,
        _ms(ttl_s),
        int(was_stopped),
        int(suspects_loss),
        secrets.token_hex(8),
        generation,
        checkpoint,
    )
    store.clock.synchronize(int(seconds), int(microseconds))
    if not held:
        return "taken" if result == b"taken" else "missing"
    name, is_new, has_standby = held
    return Held(name.decode(), bool(is_new), bool(has_standby))


async def release(
    store: Store, shard: ShardKey, owner: str, generation: str, checkpoint: bytes
) -> None:
    """Let another process have the shard at once, if it is the owner's."""
    await _run(store, shard, "release", owner, generation, checkpoint)


async def any_held(store: Store, shards: Collection[ShardKey]) -> bool:
    """Whether a process runs one of these shards now."""
    now_ms = await store.server_time() * 1000
    async with store.reachable():
        pipe = store.redis.pipeline(transaction=False)
        for shard in shards:
            pipe.hmget(keys.shard(*shard), ["holder", "expires"])
        rows = await pipe.execute() if shards else []
    return any(
        holder and expires and expires.isdigit() and int(expires) > now_ms
        for holder, expires in rows
    )


async def mark_complete(store: Store, shard: ShardKey, generation: str) -> bool:
    """All users in the shard's guilds are written in this generation. False: it has ended."""
    return bool(await _run(store, shard, "complete", generation))


async def load_checkpoint(store: Store, shard: ShardKey) -> bytes | None:
    """The checkpoint; None unless this server has held one since it was started."""
    found: bytes | None = await _run(store, shard, "load")
    return found


async def announce_count(store: Store, shard_count: int) -> None:
    """Tell readers how many records there are. Remove what earlier versions of Grux stored."""
    async with store.reachable():
        await store.redis.set(keys.SHARDS, shard_count)
        for name in keys.RETIRED:
            await store.redis.delete(name)


async def count(store: Store) -> int:
    """How many records there are; 0: not known."""
    async with store.reachable():
        found = await store.redis.get(keys.SHARDS)
    number = int(found) if found and found.isdigit() else 0
    return number if number <= MAX_SHARDS else 0


async def _run(store: Store, shard: ShardKey, command: str, *arguments: Argument) -> Any:
    servers = await server_runs(store) if isinstance(store.redis, RedisCluster) else ""
    return await store.run_script(
        _SCRIPT, [keys.shard(*shard)], servers, RECORD_TTL_S, command, *arguments
    )


async def server_runs(store: Store) -> str:
    """The run ids of all servers that are written to. Empty where INFO is not allowed: there a
    restarted Redis with older data is not noticed."""
    try:
        return await store.server_runs()
    except StoreUnavailable as refused:
        if isinstance(refused.__cause__, ResponseError):
            return ""
        raise


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
