"""ProfileExtras about users, from the cache or from the profile source.

Nobody waits long for them, and nothing fails for want of them: a presence without a bio is
better than no presence.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final, Self

from prometheus_client import Counter

from shared.config import ProfileSettings
from shared.model.profile_extras import NOTHING, ProfileExtras
from shared.net.backoff import Backoff
from shared.net.single_flight import SingleFlight
from shared.profiles.cache import Claim, ProfileCache
from shared.profiles.sources.choice import open_source
from shared.profiles.sources.source import Source, SourceFailed, SourceStopped
from shared.redis.store import Store, StoreUnavailable

log = logging.getLogger(__name__)

CAP: Final = 1.8
"""Seconds that a reader waits for facts; then the answer goes out without them. Whoever asks
promises an answer within 2 s, and has work of its own beside this."""
ASK_WITHIN: Final = 10.0  # seconds that a question may take, for the next reader's sake
COMPLAIN_EVERY: Final = 60.0  # seconds
FETCHES: Final = Counter(
    "grux_profile_fetches_total",
    "Questions to the profile source, and readers who did not wait for one.",
    ["source", "outcome"],
)
OUTCOMES: Final = ("ok", "nothing", "failed", "timeout", "stopped", "open")
"""`nothing`: it does not know more. `stopped`: it refuses us, and is not asked again. `open`: a
reader who did not wait, as the source is slow (the circuit is open)."""

_POLL = Backoff(first_s=0.02, max_s=0.25, factor=1.5)  # what another process has found out


class ProfileService:
    """What the profile source knows. `async with ProfileService.connect(...)` is its lifetime."""

    def __init__(
        self,
        source: Source | None,
        cache: ProfileCache,
        *,
        cap: float = CAP,
        ask_within: float = ASK_WITHIN,
        name: str = "unnamed",
    ) -> None:
        """`source` None: there is nobody to ask, and `extras` is always None.

        `name`: the source's, for the count.
        """
        self._source = source
        self._cache = cache
        self._cap = cap
        self._ask_within = ask_within
        self._flights: SingleFlight[int, ProfileExtras | None] = SingleFlight()
        self._complained = float("-inf")
        self._counts = {one: FETCHES.labels(name, one) for one in OUTCOMES} if source else {}
        self._slow = False  # a circuit breaker: one reader waited in vain, the others do not

    @classmethod
    @asynccontextmanager
    async def connect(cls, settings: ProfileSettings, store: Store) -> AsyncIterator[Self]:
        """With the source that the settings name, until the block ends."""
        async with open_source(settings) as source:
            cache = ProfileCache(store, settings.profile_ttl)
            profiles = cls(source, cache, name=settings.profile_source)
            try:
                yield profiles
            finally:
                await profiles.close()

    async def close(self) -> None:
        """Give up every question under way, so that another process may ask it."""
        await self._flights.close()

    async def extras(self, user_id: int) -> ProfileExtras | None:
        """What the source knows of a monitored user; None when nobody can tell now.

        Never raises, not even when Redis is away: presence then fails by itself, or is held in
        memory and goes out without facts. Returns within the cap.
        """
        if self._source is None:
            return None
        deadline = asyncio.get_running_loop().time() + self._cap
        try:
            found = await self._cache.read(user_id)
        except StoreUnavailable:
            return None
        if found is None:
            if self._slow:
                self._counts["open"].inc()
                if not self._flights:
                    self._flight(user_id)  # a probe: nobody waits for it
                return None
            return await self._wait_for(user_id, deadline)
        if found.old:
            self._flight(user_id)  # whoever comes later gets the new answer
        return found.extras

    async def _wait_for(self, user_id: int, deadline: float) -> ProfileExtras | None:
        with suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                return await asyncio.shield(self._flight(user_id))
        if not self._slow:
            log.warning("profiles: the profile source is slow; nobody waits for it from now on")
        self._slow = True
        return None

    def _flight(self, user_id: int) -> asyncio.Task[ProfileExtras | None]:
        """The one task of this process that finds out about the user."""
        return self._flights.join(user_id, lambda: self._find_out(user_id))

    async def _find_out(self, user_id: int) -> ProfileExtras | None:
        """Ask, or see what the process that has the claim comes back with."""
        loop = asyncio.get_running_loop()
        give_up = loop.time() + self._cap
        polls = 0
        try:
            while loop.time() < give_up:
                claim = await self._cache.claim(user_id)
                if claim is Claim.OURS:
                    return await self._ask(user_id)
                if claim is Claim.NOT_MONITORED:
                    return None
                found = await self._cache.read(user_id)
                if found is not None:
                    return found.extras
                polls += 1
                await asyncio.sleep(_POLL.delay(polls))
        except StoreUnavailable:
            pass
        return None

    async def _ask(self, user_id: int) -> ProfileExtras | None:
        asked = asyncio.get_running_loop().time()
        try:
            extras = await self._answer(user_id)
        except asyncio.CancelledError:
            with suppress(StoreUnavailable):
                await self._cache.release(user_id)
            raise
        self._slow = asyncio.get_running_loop().time() - asked > self._cap
        with suppress(StoreUnavailable):  # this reader has the answer all the same
            if extras is None:
                await self._cache.save_failure(user_id)
            else:
                await self._cache.save(user_id, extras)
        return extras

    async def _answer(self, user_id: int) -> ProfileExtras | None:
        """The source's answer, or None when it fails, in whatever way."""
        if self._source is None:
            return None
        try:
            async with asyncio.timeout(self._ask_within):
                extras = await self._source.fetch(user_id)
            self._counts["nothing" if extras == NOTHING else "ok"].inc()
            return extras
        except SourceStopped:
            self._counts["stopped"].inc()
            self._source = None  # the source has said in the log what is to be done
        except SourceFailed as failure:
            self._counts["failed"].inc()
            self._complain(str(failure))
        except TimeoutError:
            self._counts["timeout"].inc()
            self._complain(f"no answer within {self._ask_within:g} s")
        except Exception:
            self._counts["failed"].inc()
            log.exception("profiles: a bug while asking the profile source")
        return None

    def _complain(self, why: str) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._complained >= COMPLAIN_EVERY:
            self._complained = now
            log.warning("profiles: the profile source fails (%s); answers go out without it", why)
