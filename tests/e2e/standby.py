"""The lease of the only shard, and the standby gateway for it."""

from __future__ import annotations

from shared.redis import keys
from shared.redis.store import Store
from testing.eventually import PATIENCE, eventually_async
from tests.e2e.stack import Stack


async def holder_knows_standby(stack: Stack) -> None:
    """Wait until the active gateway knows of the standby, from the response to a renewal.

    It starts the second renewal only after it has the response to the first.
    """
    async with Store.connect(stack.redis.url, timeout=PATIENCE) as store:
        await eventually_async(lambda: store.redis.hexists(keys.shard(0, 1), "standby"))
        for _ in range(2):
            await _renewed(store)


async def _renewed(store: Store) -> None:
    """Wait for the next renewal of the lease: it expires later."""
    before = await store.redis.hget(keys.shard(0, 1), "expires")

    async def is_later() -> bool:
        return bool(await store.redis.hget(keys.shard(0, 1), "expires") != before)

    await eventually_async(is_later)
