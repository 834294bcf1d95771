"""One process at a time has the lease, and the next one does not wait longer than it must."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from shared.redis import keys
from shared.redis.scripts import Argument, Script
from shared.redis.store import Store
from shared.redis.webhook_progress import WebhookLease
from testing.eventually import PATIENCE, eventually


class SlowStore(Store):
    """A script that was sent arrives at Redis when the test lets it."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.sent = 0
        self.open = asyncio.Event()

    async def run_script(self, script: Script, names: Sequence[str], *arguments: Argument) -> Any:
        self.sent += 1
        await self.open.wait()
        return await super().run_script(script, names, *arguments)


async def test_one_process_has_it(redis_url: str) -> None:
    """Until it gives it away."""
    async with Store.connect(redis_url, timeout=PATIENCE) as store:
        first, second = WebhookLease(store, PATIENCE), WebhookLease(store, PATIENCE)
        assert await first.take()
        assert not await second.take()
        await second.release()
        assert await first.take()
        await first.release()
        assert await second.take()


async def test_a_cancelled_take_does_not_outlive_its_release(redis_url: str) -> None:
    """Else a process that stops while it renews would keep the others waiting."""
    async with SlowStore.connect(redis_url, timeout=PATIENCE) as store:
        lease = WebhookLease(store, PATIENCE)
        taking = asyncio.create_task(lease.take())
        await eventually(lambda: store.sent)
        taking.cancel()
        releasing = asyncio.create_task(lease.release())
        await asyncio.gather(taking, return_exceptions=True)
        assert store.sent == 1
        store.open.set()
        await releasing
        assert not await store.redis.exists(keys.WEBHOOK_LEASE)
