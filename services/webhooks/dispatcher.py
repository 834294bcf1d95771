"""One of several processes delivers: the one that holds the lease.

The others wait, and follow no user. The one that takes over reads in Redis what each
endpoint has acknowledged, and goes on from there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from prometheus_client import Counter

from services.webhooks.delivery import Delivery
from services.webhooks.follower import PresenceFollower
from services.webhooks.limits import WebhookLimits
from services.webhooks.sender import Sender
from shared.redis import completeness
from shared.redis.factory import follow
from shared.redis.gateway_liveness import LivenessMonitor
from shared.redis.store import Store, StoreUnavailable
from shared.redis.webhook_progress import WebhookLease, WebhookProgress
from shared.webhook_endpoints import Endpoint

log = logging.getLogger(__name__)


class Dispatcher:
    """Delivers to all endpoints while it holds the lease and `run` runs."""

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        store: Store,
        redis_url: str,
        limits: WebhookLimits,
        attempts: Counter,
        *,
        max_silence_s: float,
    ) -> None:
        """`attempts`: by `endpoint` and `result`."""
        self.endpoints = endpoints
        self.deliveries: tuple[Delivery, ...] = ()  # while it delivers
        self.follower: PresenceFollower | None = None  # likewise
        self.attempts = attempts
        self.store = store
        self._redis_url = redis_url
        self._limits = limits
        self._max_silence_s = max_silence_s
        self._gone: set[str] = set()  # urls that have answered 410 Gone: a new lease is no restart
        self._lease = WebhookLease(store, limits.lease_ttl_s)
        self._renewed = 0.0  # loop time

    @property
    def delivers(self) -> bool:
        """Whether this process holds the lease, and has loaded the users."""
        follower = self.follower
        return follower is not None and follower.current

    @property
    def users(self) -> int:
        """Number of monitored users that are followed. May be called from any thread."""
        follower = self.follower
        return 0 if follower is None else follower.users

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                if await self._renew():
                    await self._deliver_while_leased()
                    await self._lease.release()
                await asyncio.sleep(self._limits.lease_interval_s)
        finally:
            await self._lease.release()

    async def _renew(self) -> bool | None:
        """Whether the lease is this process's; None: Redis does not answer."""
        asked = asyncio.get_running_loop().time()
        try:
            is_ours = await self._lease.take()
        except StoreUnavailable:
            return None
        if is_ours:
            self._renewed = asked
        return is_ours

    async def _hold(self) -> None:
        """Returns when the lease is lost, or may be soon."""
        loop, limits = asyncio.get_running_loop(), self._limits
        while True:
            await asyncio.sleep(limits.lease_interval_s)
            is_ours = await self._renew()
            expires_in = self._renewed + limits.lease_ttl_s - loop.time()
            if is_ours is False or expires_in < limits.lease_interval_s:
                return

    async def _deliver_while_leased(self) -> None:
        log.info("webhooks: this process delivers")
        tasks = [asyncio.create_task(self._deliver()), asyncio.create_task(self._hold())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._gone.update(one.endpoint.url for one in self.deliveries if one.disabled)
            self.deliveries, self.follower = (), None
        for task in done:
            task.result()  # raises what has ended it, if that is an error
        log.warning("webhooks: this process delivers no more: it could not keep the lease")

    async def _deliver(self) -> None:
        follower = PresenceFollower(
            lambda listener: follow(self._redis_url, listener),
            self.store,
            partial(completeness.absent, self.store),
            self._limits,
        )
        liveness = LivenessMonitor(
            self.store,
            max_silence_s=self._max_silence_s,
            on_expired=follower.on_expired,
            on_returned=follower.on_returned,
        )
        await self._learn_liveness(liveness)
        async with self._opened(follower) as deliveries:
            for delivery in deliveries:
                await delivery.restore()
            follower.add(deliveries)
            self.deliveries, self.follower = tuple(deliveries), follower
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(follower.run())
                tasks.create_task(liveness.run())
                for delivery in deliveries:
                    tasks.create_task(delivery.run())

    async def _learn_liveness(self, liveness: LivenessMonitor) -> None:
        """Else what a gateway left in Redis long ago might be sent. Waits for Redis."""
        while True:
            try:
                return await liveness.poll()
            except StoreUnavailable:
                await asyncio.sleep(self._limits.redis_retry_s)

    @asynccontextmanager
    async def _opened(self, follower: PresenceFollower) -> AsyncIterator[list[Delivery]]:
        """A delivery to each endpoint, with connections of its own."""
        async with AsyncExitStack() as stack:
            yield [
                Delivery(
                    endpoint,
                    await stack.enter_async_context(Sender(endpoint, self._limits)),
                    WebhookProgress(self.store, endpoint.digest),
                    self._limits,
                    self.attempts,
                    may_send=lambda: follower.current,
                    disabled=endpoint.url in self._gone,
                )
                for endpoint in self.endpoints
            ]
