"""Records the histories of people who keep one, in the durable Redis.

At most one write for each person in an interval, all in one batch. While the durable Redis is away
the newest state of each person waits; presences go on. Several processes may see the same person:
each compares what it has read when it writes, and what one has recorded is not changed by another.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from msgspec import Struct

from services.gateway.history.observations import Observations
from services.gateway.history.sessions import Observation, advance
from services.gateway.history.watch import Watch
from services.gateway.privacy.settings_table import SettingsTable
from shared.model.history import ActivitySession, is_shown, newest_song
from shared.redis.durable import DurableUnavailable
from shared.redis.history import NEWEST_ENTRIES, HistoryStore, HistoryWrite, StoredHistory

log = logging.getLogger(__name__)

BATCH_USERS: Final = 200  # in one round trip


class RecorderTimings(Struct, frozen=True, kw_only=True):
    """In seconds."""

    interval_s: float = 2.0  # between two writes of the same person
    noted_s: float = 5.0  # between two notes of which shards are seen
    confirm_s: float = 5.0  # after a break, before everybody is looked at again
    clear_s: float = 3600.0  # between two searches for what is too old
    refresh_timeout_s: float = 2.0


class HistoryRecorder:
    """`run` records until it is cancelled."""

    def __init__(
        self,
        store: HistoryStore,
        observations: Observations,
        watch: Watch,
        people: SettingsTable,
        changed: Callable[[int], None],
        timings: RecorderTimings | None = None,
    ) -> None:
        """`changed`: makes the writer save a user again."""
        self._store = store
        self._observations = observations
        self._watch = watch
        self._people = people
        self._changed = changed
        self._timings = timings or RecorderTimings()
        self._is_away = False

    async def refresh(self) -> None:
        """Read what is stored, before this process sees a shard's users. What cannot be read in
        time is read later, and then corrected."""
        with suppress(TimeoutError, DurableUnavailable):
            async with asyncio.timeout(self._timings.refresh_timeout_s):
                await self._load()

    async def run(self) -> None:
        """Until cancelled; then once more."""
        try:
            await self._run()
        finally:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._timings.refresh_timeout_s):
                    await self._attempt()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        confirm_at = noted_at = 0.0
        cleared_at = loop.time()
        while True:
            await asyncio.sleep(self._timings.interval_s)
            now = loop.time()
            if not self._people.history:
                self._watch.tick(_now_ms())
                continue
            if self._watch.tick(_now_ms()):
                confirm_at = now + self._timings.confirm_s
            if confirm_at and now >= confirm_at:
                confirm_at = 0.0
                self._confirm()
            await self._attempt()
            if now - noted_at >= self._timings.noted_s and await self._note():
                noted_at = now
            if now - cleared_at >= self._timings.clear_s and await self._clear():
                cleared_at = now

    async def _load(self) -> None:
        self._watch.remember(await self._store.watched())
        user_ids = list(self._people.history)
        for start in range(0, len(user_ids), BATCH_USERS):
            batch = user_ids[start : start + BATCH_USERS]
            found = await self._store.load_many(batch)
            for user_id, stored in zip(batch, found, strict=True):
                self._observations.restored(user_id, stored.seen)
                await self._restore_song(user_id, stored)

    async def _restore_song(self, user_id: int, stored: StoredHistory) -> None:
        settings = self._people.chosen(user_id)
        if settings is None:
            return
        song = newest_song(one for one in stored.ended if is_shown(one, settings))
        if song is None and len(stored.ended) == NEWEST_ENTRIES:
            whole = await self._store.load_all(user_id)
            song = newest_song(one for one in whole.ended if is_shown(one, settings))
        self._observations.restored_song(user_id, song)

    def _confirm(self) -> None:
        """Everybody is seen again: what they show now is what went on during the break."""
        for user_id in self._people.history:
            self._changed(user_id)

    async def _attempt(self) -> None:
        """Record what waits, each person once."""
        waiting = len(self._observations)
        while waiting > 0:
            waiting -= BATCH_USERS
            try:
                await self._record()
            except DurableUnavailable as error:
                if not self._is_away:
                    log.warning("histories cannot be recorded now: %s", error)
                self._is_away = True
                return
            if self._is_away:
                self._is_away = False
                log.info("histories can be recorded again")

    async def _record(self) -> None:
        taken = self._observations.take(BATCH_USERS)
        user_ids = list(taken)
        done: set[int] = set()
        try:
            stored = dict(zip(user_ids, await self._store.load_many(user_ids), strict=True))
            whole = self._observations.uncompared(user_ids)
            for user_id in whole:  # once: there may be something in it that they hide now
                stored[user_id] = await self._store.load_all(user_id)
            writes: dict[int, HistoryWrite] = {}
            for user_id, one in stored.items():
                settings = self._people.chosen(user_id)
                write = advance(one, settings, taken[user_id]) if settings else None
                if write is None:
                    done.add(user_id)
                else:
                    writes[user_id] = write
            results = await self._store.write_many(writes)
            done |= {user_id for user_id, is_done in results.items() if is_done}
            for user_id in done:
                self._correct_last_seen(user_id, taken[user_id], stored[user_id], writes)
                song = self._last_song(user_id, stored[user_id], writes.get(user_id))
                if self._observations.recorded_song(user_id, song):
                    self._changed(user_id)
            self._observations.compared(done.intersection(whole))
        finally:
            for user_id, observation in taken.items():
                if user_id not in done:
                    self._observations.put_back(user_id, observation)

    def _correct_last_seen(
        self,
        user_id: int,
        observation: Observation,
        stored: StoredHistory,
        writes: Mapping[int, HistoryWrite],
    ) -> None:
        """What is stored could not be read when the person was shown first."""
        seen = writes[user_id].seen if user_id in writes else stored.seen
        if seen is None or seen.last_seen is None or observation.last_seen is not None:
            return
        if observation.presence is not None and not seen.is_online:
            self._observations.adopt(user_id, seen.last_seen)
            self._changed(user_id)

    def _last_song(
        self, user_id: int, stored: StoredHistory, write: HistoryWrite | None
    ) -> ActivitySession | None:
        """After the write. It may be older than all that was read."""
        removed = write.removed if write else ()
        ended = [one for one in stored.ended if one not in removed]
        ended += write.ended if write else ()
        newest_first = sorted(ended, key=lambda one: one.ended_at or 0, reverse=True)
        known = self._observations.song(user_id)
        found = newest_song(newest_first)
        if found or known is None or known in stored.ended or len(stored.ended) < NEWEST_ENTRIES:
            return found
        is_older = (known.ended_at or 0) <= (stored.ended[-1].ended_at or 0)
        return known if is_older else None

    async def _note(self) -> bool:
        names = self._watch.names()
        try:
            if names:
                await self._store.note_watched(names, _now_ms())
        except DurableUnavailable:
            return False
        return True

    async def _clear(self) -> bool:
        """What is older than HISTORY_DAYS is not kept, and not shown either."""
        user_ids = list(self._people.history)
        try:
            for start in range(0, len(user_ids), BATCH_USERS):
                await self._store.drop_old(user_ids[start : start + BATCH_USERS])
        except DurableUnavailable:
            return False
        self._confirm()
        return True


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
