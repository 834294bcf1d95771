"""A resume checkpoint: all events up to this one are in Redis.

The process that runs the shard next resumes from there, and Discord repeats the rest. The
checkpoint is kept in Redis beside the data that it vouches for. Every function raises
StoreUnavailable.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from services.gateway.discord.session_events import DiscordSession
from services.gateway.sync.lease import Lease
from shared.discord.snowflake import ShardKey
from shared.redis import session_checkpoint
from shared.redis.store import Store


class ResumeCheckpoint(Struct, frozen=True, kw_only=True):
    """A shard's state at one event, as far as Redis does not hold it anyway."""

    compatibility_key: str  # of bot and settings: others receive other events from the start
    session: DiscordSession
    guilds: list[int]  # all of whose members are known
    partial: list[int]  # whose members are still being requested
    awaited: list[int]  # named by READY, and not sent yet
    unavailable: list[int]  # sent before, and unavailable now
    requested_users: dict[int, list[int]]  # members that are being requested, by guild
    announce: bool  # whether readers are still to be told that all users were rewritten


async def begin(store: Store, lease: Lease, generation: str) -> bool:
    """Remove the checkpoint and begin a generation. False: another process has the lease."""
    return await session_checkpoint.begin(store, lease.shard, lease.owner, generation)


async def save(
    store: Store, lease: Lease, generation: str, checkpoint: ResumeCheckpoint | None
) -> int:
    """Save it; None: only check that the generation is still there.

    Gives session_checkpoint.SAVED, NOT_OURS or LOST.
    """
    encoded = msgspec.json.encode(checkpoint) if checkpoint else b""
    return await session_checkpoint.save(store, lease.shard, lease.owner, generation, encoded)


async def load(store: Store, shard: ShardKey) -> tuple[str, ResumeCheckpoint] | None:
    """The generation and its checkpoint. None if there is none, if this Redis server was restarted
    since, or if another version of Grux has saved it in another form."""
    found = await session_checkpoint.load(store, shard)
    if found is None:
        return None
    generation, encoded = found
    try:
        return generation, msgspec.json.decode(encoded, type=ResumeCheckpoint)
    except msgspec.MsgspecError:
        return None
