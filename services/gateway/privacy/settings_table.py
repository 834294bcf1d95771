"""The settings of all people who have chosen any, in memory: one look-up for each save.

The whole table is loaded before the first shard runs, so that nobody is shown whose settings are
not known; only people with settings take memory. While the durable Redis is away, what is known
goes on.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol

from msgspec import Struct

from services.gateway.privacy import filters
from services.gateway.privacy.filters import Filter
from shared.discord.connection_links import shown_accounts
from shared.model.snapshot import ConnectedAccount
from shared.model.user_settings import DEFAULTS, Consent, UserSettings, is_shown
from shared.redis.connected_accounts import ConnectedAccountsStore
from shared.redis.durable import DurableUnavailable
from shared.redis.user_settings import UserSettingsStore

log = logging.getLogger(__name__)

BATCH_USERS: Final = 500  # in one round trip
SPARE_PAUSES: Final = 64  # ends of pauses that were changed since, which are kept in any case


class Users(Protocol):
    """What is needed of UserCache."""

    def __len__(self) -> int: ...

    def __contains__(self, user_id: int, /) -> bool: ...


class TableTimings(Struct, frozen=True, kw_only=True):
    """In seconds."""

    retry_s: float = 0.25  # while the durable Redis is away
    max_wait_s: float = 10.0  # for the end of a pause: the clock of the machine may be set


class Change(Struct, frozen=True):
    """The settings of a person have changed, or a pause has ended."""

    user_id: int
    was_hidden: bool
    is_hidden: bool


Apply = Callable[[Change], None]


class SettingsTable:
    """Follows the durable Redis while `run` runs. It is a settings_feed.SettingsListener."""

    def __init__(
        self,
        store: UserSettingsStore,
        connections: ConnectedAccountsStore,
        consent: Consent,
        timings: TableTimings | None = None,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._store = store
        self._connections = connections
        self._consent: Consent = consent
        self._timings = timings or TableTimings()
        self._now_ms = now_ms
        self._settings: dict[int, UserSettings] = {}
        self._filters: dict[int, Filter] = {}
        self._accounts: dict[int, tuple[ConnectedAccount, ...]] = {}
        self._exceptions: set[int] = set()  # hidden people; with CONSENT=asking those shown
        self.history: set[int] = set()
        """People who keep a history."""
        self._pauses: list[tuple[int, int]] = []  # a heap: when they end, and whose
        self._due: set[int] = set()  # to be loaded
        self._all_due = True
        self._wake = asyncio.Event()
        self._loaded = asyncio.Event()

    @property
    def is_loaded(self) -> bool:
        """Whether everybody's settings are known."""
        return self._loaded.is_set()

    async def loaded(self) -> None:
        """Return when everybody's settings are known."""
        await self._loaded.wait()

    def chosen(self, user_id: int) -> UserSettings | None:
        """What the person has chosen; None: nothing."""
        return self._settings.get(user_id)

    def accounts(self, user_id: int) -> tuple[ConnectedAccount, ...]:
        """The accounts that the person has chosen to show, and may show."""
        return self._accounts.get(user_id, ())

    def is_hidden(self, user_id: int) -> bool:
        """Whether nothing of the person may be shown."""
        return (user_id in self._exceptions) is (self._consent == "joining")

    def filter(self, user_id: int) -> Filter | None:
        """What the person hides, if they are shown. None: nothing."""
        return self._filters.get(user_id)

    def restricted(self) -> Iterable[int] | None:
        """People of whom Redis does not hold everything. None: that may be anybody."""
        if self._consent == "asking":
            return None
        return self._exceptions | self._filters.keys()

    def choosers(self) -> set[int]:
        """Users with settings of their own."""
        return self._exceptions | self._settings.keys()

    def count_shown(self, users: Users) -> int:
        """How many of these are shown."""
        exceptions = sum(one in users for one in self._exceptions)
        return len(users) - exceptions if self._consent == "joining" else exceptions

    def changed(self, user_id: int) -> None:
        """See SettingsListener."""
        self._due.add(user_id)
        self._wake.set()

    def all_changed(self) -> None:
        """See SettingsListener."""
        self._all_due = True
        self._wake.set()

    async def run(self, apply: Apply) -> None:
        """Load what has changed, and apply it, until cancelled. One at a time, so that what was
        read last is what counts."""
        is_logged = False
        while True:
            self._end_pauses(apply)
            self._wake.clear()
            due, all_due = self._due, self._all_due
            self._due, self._all_due = set(), False
            try:
                if all_due:
                    await self._load_all(apply)
                if due:
                    await self._load(due, apply)
            except DurableUnavailable as error:
                self._due |= due
                self._all_due |= all_due
                if not is_logged:
                    is_logged = True
                    log.warning("the settings of users cannot be read now: %s", error)
                await asyncio.sleep(self._timings.retry_s)
                continue
            if is_logged:
                is_logged = False
                log.info("the settings of users can be read again")
            if not self._due and not self._all_due:
                await self._wait()

    async def _wait(self) -> None:
        timeout = self._timings.max_wait_s
        if self._pauses:
            until_end = (self._pauses[0][0] - self._now_ms()) / 1000
            timeout = max(0.0, min(timeout, until_end))
        try:
            async with asyncio.timeout(timeout):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _load_all(self, apply: Apply) -> None:
        found: set[int] = set()
        async for batch in self._store.users():
            found.update(batch)
        await self._load(found | self._settings.keys(), apply)
        if not self._loaded.is_set():
            log.info("%d users have settings", len(self._settings))
            self._loaded.set()

    async def _load(self, user_ids: Iterable[int], apply: Apply) -> None:
        ids = list(user_ids)
        for start in range(0, len(ids), BATCH_USERS):
            batch = ids[start : start + BATCH_USERS]
            found = dict(zip(batch, await self._store.get_many(batch), strict=True))
            accounts = await self._load_accounts(found)
            for user_id, settings in found.items():
                self._set(user_id, settings, accounts.get(user_id, ()), apply)

    async def _load_accounts(
        self, found: Mapping[int, UserSettings]
    ) -> dict[int, tuple[ConnectedAccount, ...]]:
        chosen = {
            user_id: settings.connected_accounts
            for user_id, settings in found.items()
            if settings.connected_accounts and "connected_accounts" not in settings.hide
        }
        if not chosen:
            return {}
        connections = await self._connections.get_many(list(chosen))
        both = zip(chosen.items(), connections, strict=True)
        return {user_id: tuple(shown_accounts(held, some)) for (user_id, some), held in both}

    def _end_pauses(self, apply: Apply) -> None:
        now = self._now_ms()
        while self._pauses and self._pauses[0][0] <= now:
            _, user_id = heapq.heappop(self._pauses)
            settings = self._settings.get(user_id, DEFAULTS)
            self._set(user_id, settings, self.accounts(user_id), apply)

    def _forget_changed_pauses(self, now: int) -> None:
        """Else a person who changes the end of a pause again and again would fill the memory."""
        self._pauses = [
            (settings.paused_until, user_id)
            for user_id, settings in self._settings.items()
            if settings.paused_until > now
        ]
        heapq.heapify(self._pauses)

    def _set(
        self,
        user_id: int,
        settings: UserSettings,
        accounts: tuple[ConnectedAccount, ...],
        apply: Apply,
    ) -> None:
        now = self._now_ms()
        is_same = accounts == self.accounts(user_id)
        before = self._settings.get(user_id, DEFAULTS)
        was_hidden = self.is_hidden(user_id)
        new_filter = filters.filter_of(settings)
        if settings == DEFAULTS:
            self._settings.pop(user_id, None)
        else:
            self._settings[user_id] = settings
        if settings.history == "off":
            self.history.discard(user_id)
        else:
            self.history.add(user_id)
        if accounts:
            self._accounts[user_id] = accounts
        else:
            self._accounts.pop(user_id, None)
        if new_filter is None:
            self._filters.pop(user_id, None)
        else:
            self._filters[user_id] = new_filter
        shown = is_shown(settings, self._consent, now)
        if shown is (self._consent == "joining"):
            self._exceptions.discard(user_id)
        else:
            self._exceptions.add(user_id)
        if settings.paused_until > now and settings.paused_until != before.paused_until:
            heapq.heappush(self._pauses, (settings.paused_until, user_id))
            if len(self._pauses) > 2 * len(self._settings) + SPARE_PAUSES:
                self._forget_changed_pauses(now)
        # A history that was switched off and on again is erased, though the settings are the same.
        keeps_history = user_id in self.history
        if settings == before and is_same and was_hidden is not shown and not keeps_history:
            return
        apply(Change(user_id, was_hidden, not shown))
