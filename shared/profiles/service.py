"""Profile extras of users, from the cache or from the profile source.

Readers wait for them for a limited time, and no answer fails for lack of them: a presence without
a bio is better than no presence.
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

READER_TIMEOUT_S: Final = 1.8
"""How long a reader waits for extras before its answer is sent without them: readers promise an
answer within 2 s, and have other work to do in them."""

REQUEST_TIMEOUT_S: Final = 10.0  # a slower answer is still of use to the next reader
LOG_INTERVAL_S: Final = 60.0
FETCHES: Final = Counter(
    "grux_profile_fetches_total",
    "Requests to the profile source, and readers that did not wait for one.",
    ["source", "outcome"],
)
OUTCOMES: Final = ("ok", "nothing", "failed", "timeout", "stopped", "open")
"""`nothing`: the source has no extras. `stopped`: it refuses the credentials, and is not asked
again. `open`: a reader that did not wait, as the source is slow (the circuit is open)."""

_POLL: Final = Backoff(first_s=0.02, max_s=0.25, factor=1.5)  # while another process asks


class ProfileService:
    """What the profile source knows. `async with ProfileService.connect(...)` is its lifetime."""

    def __init__(
        self,
        source: Source | None,
        cache: ProfileCache,
        *,
        reader_timeout_s: float = READER_TIMEOUT_S,
        request_timeout_s: float = REQUEST_TIMEOUT_S,
        name: str = "unnamed",
    ) -> None:
        """`source` None: there is no profile source, and `extras` is always None.

        `name`: the source's, in the metric.
        """
        self._source = source
        self._cache = cache
        self._reader_timeout_s = reader_timeout_s
        self._request_timeout_s = request_timeout_s
        self._flights: SingleFlight[int, ProfileExtras | None] = SingleFlight()
        self._logged_at = float("-inf")  # loop time
        self._counts = {one: FETCHES.labels(name, one) for one in OUTCOMES} if source else {}
        self._slow = False  # a circuit breaker: one reader has timed out, the others do not wait

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

    @property
    def can_answer(self) -> bool:
        """Whether there is a source. One that refuses the credentials is given up for good."""
        return self._source is not None

    async def close(self) -> None:
        """Cancel every request and release its claim, so that another process may ask."""
        await self._flights.close()

    async def extras(self, user_id: int) -> ProfileExtras | None:
        """What the source knows of a monitored user; None when that cannot be found out now.

        Never raises, not even when Redis is away: reading the presence fails then, or it comes
        from memory and is sent without extras. Returns within `reader_timeout_s`.
        """
        if self._source is None:
            return None
        deadline = asyncio.get_running_loop().time() + self._reader_timeout_s
        try:
            found = await self._cache.read(user_id)
        except StoreUnavailable:
            return None
        if found is None:
            if self._slow:
                self._counts["open"].inc()
                if not self._flights:
                    self._flight(user_id)  # a probe: no reader waits for it
                return None
            return await self._wait_for(user_id, deadline)
        if found.old:
            self._flight(user_id)  # later readers get the new answer
        return found.extras

    async def _wait_for(self, user_id: int, deadline: float) -> ProfileExtras | None:
        with suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                return await asyncio.shield(self._flight(user_id))
        if not self._slow:
            log.warning("profiles: the profile source is slow; readers do not wait for it any more")
        self._slow = True
        return None

    def _flight(self, user_id: int) -> asyncio.Task[ProfileExtras | None]:
        """The one task of this process that finds out about the user."""
        return self._flights.join(user_id, lambda: self._find_out(user_id))

    async def _find_out(self, user_id: int) -> ProfileExtras | None:
        """Ask the source, or wait for the answer of the process that has the claim."""
        loop = asyncio.get_running_loop()
        give_up = loop.time() + self._reader_timeout_s
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
        self._slow = asyncio.get_running_loop().time() - asked > self._reader_timeout_s
        with suppress(StoreUnavailable):  # the answer is good for this reader all the same
            if extras is None:
                await self._cache.save_failure(user_id)
            else:
                extras = await self._cache.save(user_id, extras)
        return extras

    async def _answer(self, user_id: int) -> ProfileExtras | None:
        """The source's answer, or None when it fails in any way."""
        if self._source is None:
            return None
        try:
            async with asyncio.timeout(self._request_timeout_s):
                extras = await self._source.fetch(user_id)
            self._counts["nothing" if extras == NOTHING else "ok"].inc()
            return extras
        except SourceStopped:
            self._counts["stopped"].inc()
            self._source = None  # the source has logged what to do
        except SourceFailed as failure:
            self._counts["failed"].inc()
            self._log_failure(str(failure))
        except TimeoutError:
            self._counts["timeout"].inc()
            self._log_failure(f"no answer within {self._request_timeout_s:g} s")
        except Exception:
            self._counts["failed"].inc()
            log.exception("profiles: unhandled exception while asking the profile source")
        return None

    def _log_failure(self, why: str) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._logged_at >= LOG_INTERVAL_S:
            self._logged_at = now
            log.warning("profiles: the profile source fails (%s); sending profiles without it", why)
