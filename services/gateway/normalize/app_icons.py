"""Icons of applications, for activities without art: requested once, kept in Redis for a day.

A presence never waits for an icon: it is written without it, and again when the icon is known.
Discord docs: undocumented `GET /applications/{id}/rpc`, unauthenticated.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from typing import Final

from cachetools import FIFOCache
from msgspec import Struct

from services.gateway import metrics
from shared.discord.cdn import is_hash
from shared.net.http_client import HttpClient, HttpError, HttpResponse
from shared.redis import icon_cache
from shared.redis.store import Store, StoreUnavailable

log = logging.getLogger(__name__)

ICON_TTL_S: Final = 86_400  # in Redis, also for applications without an icon
ICON_TTL_JITTER_S: Final = 3600  # icons that were fetched together do not expire together
ICON_CACHE_ENTRIES: Final = 10_000  # in memory
WORKERS: Final = 4
REQUEST_TIMEOUT_S: Final = 10.0
MAX_BODY_BYTES: Final = 65_536
MAX_RETRY_AFTER_S: Final = 3600.0
REDIS_RETRY_S: Final = 5.0


class IconRetries(Struct, frozen=True, kw_only=True):
    """How often, and after how many seconds, a failed request is repeated."""

    attempts: int = 4  # in a row, by one worker
    retry_s: float = 30.0
    pause_s: float = 120.0  # after the attempts of a worker, which takes other icons meanwhile


class IconUnavailable(Exception):
    """Raised when an icon could not be fetched; `retry_s` is how many seconds to wait."""

    def __init__(self, retry_s: float) -> None:
        super().__init__(f"retry in {retry_s:.1f} s")
        self.retry_s = retry_s


class AppIcons:
    """The known icons; `run` fetches those that are requested."""

    def __init__(
        self, store: Store, api_url: str, user_agent: str, retries: IconRetries | None = None
    ) -> None:
        self._store = store
        self._api_url = api_url
        self._user_agent = user_agent
        self._retries = retries or IconRetries()
        self._known: FIFOCache[str, str | None] = FIFOCache(ICON_CACHE_ENTRIES)
        self._waiting: dict[str, set[int]] = {}  # users, by application
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self._on_found: Callable[[int], None] = lambda user_id: None
        self._may_ask = asyncio.Event()  # cleared while Discord rate-limits us
        self._may_ask.set()

    @property
    def known(self) -> Mapping[str, str | None]:
        """Application id to icon hash, None when it has none."""
        return self._known

    @property
    def waiting(self) -> int:
        """How many applications are being requested."""
        return len(self._waiting)

    def on_found(self, on_found: Callable[[int], None]) -> None:
        """Call `on_found` with each user whose requested icon is known now."""
        self._on_found = on_found

    def request(self, application_id: str, user_id: int) -> None:
        """Fetch the icon, unless it is known."""
        if application_id in self._known:
            return
        waiting = self._waiting.get(application_id)
        if waiting is None:
            waiting = self._waiting[application_id] = set()
            self._queue.put_nowait(application_id)
        waiting.add(user_id)

    async def run(self) -> None:
        """Fetch requested icons until cancelled."""
        headers = {"User-Agent": self._user_agent}
        async with (
            HttpClient(
                timeout_s=REQUEST_TIMEOUT_S, max_body_bytes=MAX_BODY_BYTES, headers=headers
            ) as http,
            asyncio.TaskGroup() as workers,
        ):
            for _ in range(WORKERS):
                workers.create_task(self._work(http))

    async def _work(self, http: HttpClient) -> None:
        loop = asyncio.get_running_loop()
        while True:
            application_id = await self._queue.get()
            if not await self._find(http, application_id):  # its users go on waiting
                loop.call_later(self._retries.pause_s, self._queue.put_nowait, application_id)
                continue
            loop.call_later(ICON_TTL_S + ICON_TTL_JITTER_S, self._refresh, application_id)
            for user_id in self._waiting.pop(application_id, set()):
                self._on_found(user_id)

    async def _find(self, http: HttpClient, application_id: str) -> bool:
        """Whether the icon is known now."""
        for _ in range(self._retries.attempts):
            try:
                self._known[application_id] = await self._load_or_fetch(http, application_id)
            except IconUnavailable as error:
                metrics.EVENTS_REJECTED.labels("icon").inc()
                await asyncio.sleep(error.retry_s)
            else:
                return True
        return False

    def _refresh(self, application_id: str) -> None:
        """Icons change: the old one is shown until the new one is there."""
        if application_id in self._known and application_id not in self._waiting:
            self._waiting[application_id] = set()
            self._queue.put_nowait(application_id)

    async def _load_or_fetch(self, http: HttpClient, application_id: str) -> str | None:
        """The icon's hash, None if the application has none. Raises IconUnavailable."""
        try:
            icon = await icon_cache.load(self._store, application_id)
        except StoreUnavailable:
            raise IconUnavailable(REDIS_RETRY_S) from None
        if icon == "" or is_hash(icon):  # else it was not written by Grux
            return icon or None
        await self._may_ask.wait()
        icon = await self._fetch(http, application_id)
        ttl_s = ICON_TTL_S + random.randrange(ICON_TTL_JITTER_S)
        try:
            await icon_cache.save(self._store, application_id, icon, ttl_s)
        except StoreUnavailable:
            log.debug("the icon of application %s was not saved", application_id)
        return icon

    async def _fetch(self, http: HttpClient, application_id: str) -> str | None:
        try:
            async with http.get(f"{self._api_url}/applications/{application_id}/rpc") as response:
                if response.status == 429:
                    raise IconUnavailable(self._pause(response))
                if response.status in (400, 403, 404):
                    return None
                if response.status != 200:
                    raise IconUnavailable(self._retries.retry_s)
                body = await response.json()
        except HttpError:
            raise IconUnavailable(self._retries.retry_s) from None
        icon = body.get("icon") if isinstance(body, dict) else None
        return icon if is_hash(icon) else None

    def _pause(self, response: HttpResponse) -> float:
        """Send no request for as long as a 429 asks; gives the seconds."""
        try:
            after_s = min(float(response.headers.get("Retry-After", "")), MAX_RETRY_AFTER_S)
        except ValueError:
            after_s = self._retries.retry_s
        self._may_ask.clear()
        asyncio.get_running_loop().call_later(after_s, self._may_ask.set)
        return after_s
