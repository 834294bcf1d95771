"""Deletes all presences once no gateway has been connected to Discord for PRESENCE_MAX_SILENCE.

Nothing would remove a user any more who has left a server or hidden something. A TTL on each key
would do as well, but a Redis that is full evicts keys with a TTL, and would then evict presences.
So the processes that run without a gateway delete them: api, and a gateway that cannot connect or
that starts after a long time. Readers show nothing even before (gateway_liveness.py).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from shared.redis import gateway_liveness, keys, shard_record
from shared.redis.store import Store, StoreUnavailable

log = logging.getLogger(__name__)

INTERVAL_S: Final = 60.0


async def is_due(store: Store, max_silence_s: float) -> bool:
    """Whether no shard has been connected for that long. Raises StoreUnavailable."""
    found = await gateway_liveness.ages(store)
    return found is not None and found[1] > max_silence_s


async def drop_all(store: Store) -> int:
    """Delete every presence, and every list of users. Gives how many users there were.

    The records of the shards go first and again last: a gateway that comes back meanwhile notices
    the loss within a second, and writes all users again. Raises StoreUnavailable.
    """
    count = await shard_record.count(store)
    records = [keys.shard(shard_id, count) for shard_id in range(count)]
    await _delete(store, records)
    dropped = 0
    async for batch in store.users():
        dropped += len(batch)
        names = (keys.presence, keys.guilds, keys.profile)
        await _delete(store, [name(user_id) for user_id in batch for name in names])
    lists = [keys.members(guild_id) for guild_id in await store.guilds()]
    await _delete(store, [*lists, keys.USERS, keys.GUILDS])
    await _delete(store, records)
    return dropped


async def run(store: Store, max_silence_s: float, interval_s: float = INTERVAL_S) -> None:
    """Until cancelled, look every minute, and delete the second time that it is due.

    If Redis' clock jumps, the next heartbeat of a gateway comes in between.
    """
    was_due = False
    while True:
        try:
            due = await is_due(store, max_silence_s)
            if due and was_due and (dropped := await drop_all(store)):
                log.warning("no gateway for %.0f s: deleted %d users", max_silence_s, dropped)
            was_due = due
        except StoreUnavailable as error:
            log.debug("old presences cannot be deleted: %s", error)
        await asyncio.sleep(interval_s)


async def _delete(store: Store, names: Sequence[str]) -> None:
    async with store.reachable():
        pipe = store.redis.pipeline(transaction=False)
        for name in names:
            pipe.delete(name)
        await pipe.execute()
