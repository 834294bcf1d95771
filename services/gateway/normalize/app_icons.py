"""Icons of applications, for activities without art: asked for once, kept in Redis for a day.

A presence never waits for an icon: it is written without, and once more when the icon is there.
Discord docs: undocumented `GET /applications/{id}/rpc`, unauthenticated.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from typing import Final

from cachetools import FIFOCache

from services.gateway import metrics
from shared.discord.cdn import is_hash
from shared.net.http_client import HttpClient, HttpError, HttpResponse
from shared.redis import keys
from shared.redis.store import Store, StoreUnavailable

log = logging.getLogger(__name__)

KEEP: Final = 86_400  # seconds in Redis, for "it has none" too
JITTER: Final = 3600  # seconds: what was learned together is not asked for together
REMEMBERED: Final = 10_000  # applications in memory
TRIES: Final = 4
AFTER_FAILURE: Final = 30.0  # seconds
AFTER_TRIES: Final = 120.0  # seconds: others are asked for meanwhile
WORKERS: Final = 4
REQUEST_TIMEOUT_S: Final = 10.0
MAX_BODY_BYTES: Final = 65_536


class NotAnswered(Exception):
    """Raised when an icon could not be asked for; `after` is how many seconds to wait."""

    def __init__(self, after: float) -> None:
        super().__init__(f"try again in {after:.1f} s")
        self.after = after


class Icons:
    """What is known of applications' icons; `run` finds out the rest."""

    def __init__(self, store: Store, api_url: str, user_agent: str) -> None:
        self._store = store
        self._api_url = api_url
        self._user_agent = user_agent
        self._known: FIFOCache[str, str | None] = FIFOCache(REMEMBERED)
        self._waiting: dict[str, set[int]] = {}
        self._asked: asyncio.Queue[str] = asyncio.Queue()
        self._found: Callable[[int], None] = lambda user_id: None
        self._open = asyncio.Event()  # shut while Discord wants us to wait
        self._open.set()

    @property
    def known(self) -> Mapping[str, str | None]:
        """Application id to icon hash, None when it has none."""
        return self._known

    @property
    def waiting(self) -> int:
        """How many applications are being asked about."""
        return len(self._waiting)

    def on_found(self, found: Callable[[int], None]) -> None:
        """Have `found` called with each user who waited for an icon that is there now."""
        self._found = found

    def want(self, application_id: str, user_id: int) -> None:
        """Find the icon out, if it is not known yet."""
        if application_id in self._known:
            return
        waiting = self._waiting.get(application_id)
        if waiting is None:
            waiting = self._waiting[application_id] = set()
            self._asked.put_nowait(application_id)
        waiting.add(user_id)

    async def run(self) -> None:
        """Work through what is wanted until cancelled."""
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
        while True:
            application_id = await self._asked.get()
            found = False
            for _ in range(TRIES):
                try:
                    self._known[application_id] = await self._find(http, application_id)
                    found = True
                    break
                except NotAnswered as wait:
                    metrics.EVENTS_REJECTED.labels("icon").inc()
                    await asyncio.sleep(wait.after)
            loop = asyncio.get_running_loop()
            if not found:  # whoever waits goes on waiting
                loop.call_later(AFTER_TRIES, self._asked.put_nowait, application_id)
                continue
            loop.call_later(KEEP + JITTER, self._look_again, application_id)
            for user_id in self._waiting.pop(application_id, set()):
                self._found(user_id)

    def _look_again(self, application_id: str) -> None:
        """Icons change: the old one is shown until the new answer is there."""
        if application_id in self._known and application_id not in self._waiting:
            self._waiting[application_id] = set()
            self._asked.put_nowait(application_id)

    async def _find(self, http: HttpClient, application_id: str) -> str | None:
        kept = await self._kept(application_id)
        if kept is not None:
            return kept or None
        await self._open.wait()
        icon = await self._ask(http, application_id)
        await self._keep(application_id, icon)
        return icon

    async def _kept(self, application_id: str) -> str | None:
        """The icon's hash, empty when it is known to have none; None when nothing is known."""
        try:
            async with self._store.reachable():
                found = await self._store.redis.get(keys.app_icon(application_id))
        except StoreUnavailable:
            raise NotAnswered(5.0) from None
        icon = found.decode("ascii", "replace") if isinstance(found, bytes) else found
        return icon if icon == "" or is_hash(icon) else None  # else nobody of ours wrote it

    async def _keep(self, application_id: str, icon: str | None) -> None:
        try:
            async with self._store.reachable():
                await self._store.redis.set(
                    keys.app_icon(application_id), icon or "", ex=KEEP + random.randrange(JITTER)
                )
        except StoreUnavailable:
            log.debug("the icon of application %s was not kept", application_id)

    async def _ask(self, http: HttpClient, application_id: str) -> str | None:
        try:
            async with http.get(f"{self._api_url}/applications/{application_id}/rpc") as answer:
                if answer.status == 429:
                    raise NotAnswered(await self._wait(answer))
                if answer.status in (400, 403, 404):
                    return None
                if answer.status != 200:
                    raise NotAnswered(AFTER_FAILURE)
                body = await answer.json()
        except HttpError:
            raise NotAnswered(AFTER_FAILURE) from None
        icon = body.get("icon") if isinstance(body, dict) else None
        return icon if is_hash(icon) else None

    async def _wait(self, answer: HttpResponse) -> float:
        """Seconds that a 429 asks for; nobody else asks meanwhile."""
        try:
            after = min(float(answer.headers.get("Retry-After", "")), 3600.0)
        except ValueError:
            after = AFTER_FAILURE
        self._open.clear()
        asyncio.get_running_loop().call_later(after, self._open.set)
        return after
