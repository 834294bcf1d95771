"""Which of the commands that Grux needs the user in REDIS_URL may not use."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from shared.redis import keys
from shared.redis.clients import Commands
from shared.redis.scripts import Script
from shared.redis.store import Store, StoreUnavailable

TRACKING: Final = "CLIENT TRACKING"
"""Without this one, api asks Redis at every read, and ws about every user that it does not follow;
without the others nothing works."""

PROBE: Final = Script("probe.lua")


async def refused(store: Store, *, reads: bool) -> list[str]:
    """The names of the commands that are refused. In a cluster only scripts are tried.

    `reads`: whether the user is that of a service that shows presences.
    """
    redis = store.redis
    tried: dict[str, Callable[[], Awaitable[object]]] = {
        "EVAL": lambda: redis.eval(PROBE.text, 0),
        "EVALSHA": lambda: _evalsha(redis),
    }
    if reads and isinstance(redis, Redis):
        tried |= {"SUBSCRIBE": lambda: _subscribe(redis), TRACKING: redis.client_tracking_off}
    found = []
    for name, trial in tried.items():
        try:
            async with store.reachable():
                await trial()
        except StoreUnavailable:
            found.append(name)
    return found


async def _evalsha(redis: Commands) -> None:
    with suppress(NoScriptError):
        await redis.evalsha(PROBE.sha, 0)


async def _subscribe(redis: Redis) -> None:
    async with redis.pubsub() as pubsub:
        await pubsub.subscribe(keys.presence(0))
        await pubsub.get_message(timeout=1.0)
