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
        await eventually_async(lambda: store.redis.exists(keys.standby(0, 1)))
        for _ in range(2):
            await _renewed(store)


async def _renewed(store: Store) -> None:
    """Wait for the next renewal of the lease: its remaining time grows."""
    left = await store.redis.pttl(keys.lease(0, 1))

    async def grows() -> bool:
        nonlocal left
        before, left = left, await store.redis.pttl(keys.lease(0, 1))
        return bool(left > before)

    await eventually_async(grows)
