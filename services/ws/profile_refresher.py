"""Completes watched profiles with facts, and keeps the facts young.

Extras are requested in the background at a bounded rate. Only a user's first watchers wait for
them, and not for long.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Callable, Mapping
from typing import Protocol

from services.ws.limits import WsLimits
from services.ws.topic import Topic
from shared.model.profile_extras import ProfileExtras
from shared.net.backoff import Backoff
from shared.redis.store import StoreUnavailable

log = logging.getLogger(__name__)

SWEEP_EVERY = 0.5  # seconds
REFRESH_AT = 0.2  # of the TTL: an answer may come from a cache, which keeps it for 0.8 of it


class FactSource(Protocol):
    """shared.profiles.service.ProfileService, as far as it is needed here."""

    async def facts(self, user_id: int) -> ProfileExtras | None:
        """None: no answer now. Raises StoreUnavailable when Redis is away."""


class ProfileRefresher:
    """Asks for the facts of every topic it was given, until told to forget it."""

    def __init__(
        self,
        source: FactSource,
        limits: WsLimits,
        *,
        ttl: float,
        topics: Mapping[int, Topic],
        learned: Callable[[Topic], None],
    ) -> None:
        """`ttl`: seconds that facts may be old. `learned` is called after every answer."""
        self._source = source
        self._limits = limits
        self._ttl = ttl
        self._topics = topics
        self._learned = learned
        self._gate = asyncio.Semaphore(limits.facts_at_once)
        self._backoff = Backoff(first_s=limits.facts_again, max_s=ttl)
        self._asking: dict[Topic, asyncio.Task[None]] = {}
        # A heap. It holds ids, so that a topic that is forgotten leaves no more than a number.
        self._due: list[tuple[float, int]] = []

    def ask(self, topic: Topic) -> None:
        """Ask now, unless that is under way."""
        if topic not in self._asking:
            topic.facts_due = 0.0
            self._asking[topic] = asyncio.get_running_loop().create_task(self._ask(topic))

    def ask_if_old(self, topic: Topic) -> None:
        """Ask now if the next question is due: the sweep may be behind."""
        if topic.facts_due and topic.facts_due <= asyncio.get_running_loop().time():
            self.ask(topic)

    def forget(self, topic: Topic) -> None:
        """Nobody watches it: its facts may grow old."""
        task = self._asking.pop(topic, None)
        if task is not None:
            task.cancel()

    async def run(self) -> None:
        """Refresh old facts until cancelled."""
        at_once = max(1, int(self._limits.facts_per_second * SWEEP_EVERY))
        try:
            while True:
                await asyncio.sleep(SWEEP_EVERY)
                for topic in self._old(at_once):
                    self.ask(topic)
        finally:
            for task in self._asking.values():
                task.cancel()

    def _old(self, at_most: int) -> list[Topic]:
        """Topics whose time has come, the oldest first."""
        now = asyncio.get_running_loop().time()
        old: list[Topic] = []
        while self._due and len(old) < at_most and self._due[0][0] <= now:
            due, user_id = heapq.heappop(self._due)
            topic = self._topics.get(user_id)
            if topic is not None and topic.facts_due == due:  # not asked since
                old.append(topic)
        return old

    async def _ask(self, topic: Topic) -> None:
        facts = await self._answer(topic.user_id)
        self._asking.pop(topic, None)
        topic.facts_tries = 0 if facts is not None else topic.facts_tries + 1
        tries = topic.facts_tries
        pause = self._backoff.delay(tries) if tries else self._ttl * REFRESH_AT
        topic.facts_due = asyncio.get_running_loop().time() + pause
        heapq.heappush(self._due, (topic.facts_due, topic.user_id))
        topic.learn(facts)
        self._learned(topic)

    async def _answer(self, user_id: int) -> ProfileExtras | None:
        try:
            async with asyncio.timeout(self._limits.facts_within), self._gate:
                return await self._source.facts(user_id)
        except (StoreUnavailable, TimeoutError):
            return None
        except Exception:
            # A profile without facts is still a profile: a bug in a source may not cost it.
            log.exception("profile facts of user %d could not be read", user_id)
            return None
