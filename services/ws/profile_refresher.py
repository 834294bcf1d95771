"""Adds profile extras to the profiles of subscribed users, and refreshes them.

Extras are requested in the background at a bounded rate. Only the first subscriptions to a user
wait for them, and only for a bounded time.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from services.ws.limits import WsLimits
from services.ws.topic import Topic
from shared.model.profile_extras import ProfileExtras
from shared.net.backoff import Backoff
from shared.redis.store import StoreUnavailable

log = logging.getLogger(__name__)

REFRESH_CHECK_INTERVAL_S: Final = 0.5
REFRESH_AT: Final = 0.2  # of the TTL: an answer may come from a cache, which keeps it for 0.8 of it


class ExtrasSource(Protocol):
    """shared.profiles.service.ProfileService, as far as it is needed here."""

    @property
    def can_answer(self) -> bool:
        """False: there is no profile source, now or ever again, and no extras."""

    async def extras(self, user_id: int) -> ProfileExtras | None:
        """None: no answer now. Raises StoreUnavailable when Redis is unreachable."""


class ProfileRefresher:
    """Requests the extras of every topic that it was given, until `cancel`."""

    def __init__(
        self,
        source: ExtrasSource,
        limits: WsLimits,
        *,
        ttl: float,
        topics: Mapping[int, Topic],
        on_answer: Callable[[Topic], None],
    ) -> None:
        """`ttl`: how old extras may be, in seconds. `on_answer` is called after every request,
        answered or not.
        """
        self._source = source
        self._limits = limits
        self._ttl = ttl
        self._topics = topics
        self._on_answer = on_answer
        self._slots = asyncio.Semaphore(limits.extras_at_once)
        self._backoff = Backoff(first_s=limits.extras_again, max_s=ttl)
        self._in_flight: dict[Topic, asyncio.Task[None]] = {}
        # A heap. It holds ids, so that a topic that was dropped leaves no more than a number.
        self._due: list[tuple[float, int]] = []

    def refresh(self, topic: Topic) -> None:
        """Request the extras now, unless a request is in flight, or there is nothing to request
        them from."""
        if not self._source.can_answer:
            topic.apply_extras(None)
        elif topic not in self._in_flight:
            topic.extras_due = 0.0
            task = asyncio.get_running_loop().create_task(self._refresh(topic))
            self._in_flight[topic] = task

    def refresh_if_due(self, topic: Topic) -> None:
        """Request the extras now if the next request is due: `run` may be late."""
        if topic.extras_due and topic.extras_due <= asyncio.get_running_loop().time():
            self.refresh(topic)

    def cancel(self, topic: Topic) -> None:
        """The topic was dropped: stop refreshing it."""
        task = self._in_flight.pop(topic, None)
        if task is not None:
            task.cancel()

    async def run(self) -> None:
        """Refresh old extras until cancelled."""
        at_most = max(1, int(self._limits.extras_per_second * REFRESH_CHECK_INTERVAL_S))
        try:
            while True:
                await asyncio.sleep(REFRESH_CHECK_INTERVAL_S)
                for topic in self._take_due(at_most):
                    self.refresh(topic)
        finally:
            for task in self._in_flight.values():
                task.cancel()

    def _take_due(self, at_most: int) -> list[Topic]:
        """Topics whose next request is due, the oldest first."""
        now = asyncio.get_running_loop().time()
        due: list[Topic] = []
        while self._due and len(due) < at_most and self._due[0][0] <= now:
            when, user_id = heapq.heappop(self._due)
            topic = self._topics.get(user_id)
            if topic is not None and topic.extras_due == when:  # not requested since
                due.append(topic)
        return due

    async def _refresh(self, topic: Topic) -> None:
        extras = await self._request(topic.user_id)
        self._in_flight.pop(topic, None)
        topic.extras_tries = 0 if extras is not None else topic.extras_tries + 1
        tries = topic.extras_tries
        pause = self._backoff.delay(tries) if tries else self._ttl * REFRESH_AT
        topic.extras_due = asyncio.get_running_loop().time() + pause
        heapq.heappush(self._due, (topic.extras_due, topic.user_id))
        topic.apply_extras(extras)
        self._on_answer(topic)

    async def _request(self, user_id: int) -> ProfileExtras | None:
        try:
            async with asyncio.timeout(self._limits.extras_within), self._slots:
                return await self._source.extras(user_id)
        except (StoreUnavailable, TimeoutError):
            return None
        except Exception:
            # A profile without extras is still a profile: a bug in a source must not cost it.
            log.exception("ws: the profile extras of user %d could not be read", user_id)
            return None
