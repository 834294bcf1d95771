"""Users in Redis, and dispatchers that tell a receiver of them."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry, Counter

from services.webhooks.dispatcher import Dispatcher
from services.webhooks.limits import WebhookLimits
from shared.net.backoff import Backoff
from shared.redis.store import Save, Store
from shared.webhook_endpoints import Endpoint
from testing.eventually import PATIENCE, eventually
from tests.webhooks.receiver import SECRET, Receiver
from tests.ws.ws_fixture import GUILD, fields

FAST = WebhookLimits(
    timeout_s=PATIENCE,
    backoff=Backoff(first_s=0.02, max_s=0.02),
    scan_interval_s=0.05,
    unsure_interval_s=0.02,
    redis_retry_s=0.02,
    lease_ttl_s=PATIENCE,
    lease_interval_s=0.02,
)


def endpoint_of(receiver: Receiver, *users: int) -> Endpoint:
    return Endpoint(
        url=receiver.url,
        label=f"127.0.0.1:{receiver.port}",
        secrets=(SECRET,),
        users=frozenset(users),
        private=True,
    )


class Source:
    """One Redis, and the users in it."""

    def __init__(self, redis_url: str, store: Store) -> None:
        self.redis_url = redis_url
        self.store = store

    async def show(self, user_id: int, number: int, name: str = "anna") -> None:
        """The gateway writes this state of the user."""
        await self.store.save([Save(user_id, fields(user_id, number, name), (GUILD,))])

    async def remove(self, user_id: int) -> None:
        await self.store.save([Save(user_id, left=(GUILD,))])

    @asynccontextmanager
    async def dispatching(
        self,
        *endpoints: Endpoint,
        limits: WebhookLimits = FAST,
        redis_url: str = "",
        max_silence_s: float = math.inf,
    ) -> AsyncIterator[Dispatcher]:
        """A process that delivers, or waits for the lease."""
        url = redis_url or self.redis_url
        attempts = Counter("attempts", "", ["endpoint", "result"], registry=CollectorRegistry())
        async with Store.connect(url, timeout=PATIENCE) as store:
            dispatcher = Dispatcher(
                endpoints, store, url, limits, attempts, max_silence_s=max_silence_s
            )
            task = asyncio.create_task(dispatcher.run())
            try:
                yield dispatcher
            finally:
                assert not task.done(), task
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)


async def idle(dispatcher: Dispatcher) -> None:
    """It delivers, and nothing is pending."""
    await eventually(
        lambda: dispatcher.delivers and not any(d.pending for d in dispatcher.deliveries)
    )
