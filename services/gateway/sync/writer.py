"""Write-behind queue of changed users: bounded by users, never by the event rate.

Long because a save may fail, be stale or conflict, and the queue has to stay right in each case.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from time import time_ns
from typing import Final

import msgspec
from msgspec import UNSET, Struct, UnsetType

from services.gateway import metrics
from services.gateway.history.observations import Observations
from services.gateway.normalize import normalize
from services.gateway.normalize.app_icons import AppIcons
from services.gateway.normalize.presence_json import OFFLINE
from services.gateway.privacy import filters
from services.gateway.privacy.own_profile import with_own_words
from services.gateway.privacy.settings_table import Change, SettingsTable
from services.gateway.state.shared_user import merge_stored
from services.gateway.state.user_cache import (
    MATCHES_NOTHING,
    CachedUser,
    UserCache,
    discord_objects,
)
from services.gateway.sync.reduction import LastSeenOf, Reduction
from services.gateway.sync.write_gate import WriteGate
from shared.discord.cdn import Cdn
from shared.discord.snowflake import ShardKey, shard_of
from shared.net.backoff import Backoff
from shared.redis import user_reports
from shared.redis.store import (
    CONFLICT,
    LOST,
    NO_PROFILE,
    NOT_MONITORED,
    REMOVED,
    STALE_WRITE,
    UNCHANGED,
    Fields,
    Save,
    Store,
    StoreUnavailable,
)
from shared.redis.user_reports import StoredReports

log = logging.getLogger(__name__)

BATCH_USERS: Final = 200  # in one round trip: large enough to be cheap, small enough to yield
BATCHES_AT_ONCE: Final = 4  # while many users are pending
MAX_MERGES: Final = 4  # in a row, of what other processes write at the same time
BUSY_BATCH_USERS: Final = 3  # from this batch size on, more changes are gathered first

Memberships = dict[int, tuple[int, ...]]
"""Guilds by user. Tuples, because a set takes four times the memory, and there may be a hundred
thousand."""

_encode = msgspec.json.encode
_decode = msgspec.json.decode

_OFFLINE_SHOWN: Final = _decode(OFFLINE)
_INVISIBLE: Final = _encode(normalize.presence(_OFFLINE_SHOWN, Cdn(), {}))
"""What is shown of a user who is offline."""


class WriterTimings(Struct, frozen=True, kw_only=True):
    """In seconds."""

    retry: Backoff = Backoff(first_s=0.1, max_s=2.0)
    gather_s: float = 0.006  # after a busy batch: a tenth less CPU for each at 5,000 events/s
    gate_interval_s: float = 0.05  # between two checks of a closed gate


class Writer:
    """Write-behind queue of changed users; `run` flushes it."""

    def __init__(
        self,
        store: Store,
        users: UserCache,
        icons: AppIcons,
        cdn: Cdn,
        gate: WriteGate,
        people: SettingsTable,
        history: Observations,
        timings: WriterTimings | None = None,
    ) -> None:
        """`gate` is invalidated when Redis turns out to be away, or to have lost data. `people`:
        what they hide is not written. `history`: is told what is shown of those who keep one."""
        self._store = store
        self._users = users
        self._icons = icons
        self._cdn = cdn
        self._gate = gate
        self._people = people
        self._history = history
        self._timings = timings or WriterTimings()
        # By user, in the order of their changes: when the oldest one was received (µs since 1970).
        # The newest would hide an outage behind a user who changes all the time.
        self._pending: dict[int, int] = {}
        self._joined: Memberships = {}
        self._left: Memberships = {}
        self._urgent: set[int] = set()  # their settings have changed, and Redis may show too much
        self._urgent_in_flight: set[int] = set()  # those that this batch writes
        self._dropped_shards: set[ShardKey] = set()  # since this batch was rendered
        self._rewrites = 0
        self._rendered: dict[int, int] = {}  # hashes that this batch's profiles were rendered from
        self._flushed = 0  # how many entries of the queue have been written
        self._in_flight = 0
        self._requeues = 0  # how often an entry was put back
        self._wake = asyncio.Event()
        self._drained = asyncio.Event()
        self._drained.set()
        self._reduction = Reduction(
            store, users, gate, people, history, self._render, self._timings.gate_interval_s
        )
        icons.on_found(self._icon_found)

    @property
    def pending(self) -> int:
        """How many users wait to be written."""
        return len(self._pending)

    def changed(self, user_id: int) -> None:
        """Queue the user."""
        if user_id not in self._pending:
            self._pending[user_id] = time_ns() // 1000
        self._wake_up()

    def joined(self, user_id: int, guild_id: int) -> None:
        """The user is in the guild. Of one who is hidden Redis is not told, and what removes them
        stays queued. Of one who hides something it may show too much, from before this process."""
        if self._people.filter(user_id) is not None:
            self._urgent.add(user_id)
        self._join(user_id, guild_id)

    def left(self, user_id: int, guild_id: int) -> None:
        """The user is not in the guild any more. Of one who is hidden Redis knows nothing."""
        if not self._people.is_hidden(user_id):
            self.remove(user_id, guild_id)

    def remove(self, user_id: int, guild_id: int) -> None:
        """Redis may hold the user as a member of the guild, and must not."""
        if self._people.is_hidden(user_id):
            self._urgent.add(user_id)
        _move(user_id, guild_id, self._joined, self._left)
        self.changed(user_id)

    def restored(self, user_id: int, guild_id: int, history: bytes = b"") -> None:
        """The user is as Redis holds them. What they hide and what they keep may have changed
        while no gateway ran. `history`: what Redis holds of Fields.history."""
        if self._people.is_hidden(user_id):
            self.remove(user_id, guild_id)
        elif (
            self._people.filter(user_id) is not None or self._history.kept_song(user_id) != history
        ):
            self._urgent.add(user_id)
            self.changed(user_id)

    def apply_settings(self, change: Change) -> None:
        """Write of the user what their settings allow now."""
        user_id = change.user_id
        cached = self._users.get(user_id)
        self._history.settings_changed(user_id)
        if cached is None or change.is_hidden:
            self._reduction.add(user_id)
            self._wake_up()
        if cached is None:
            return
        if change.is_hidden and not change.was_hidden:
            self._history.withdrawn(user_id, cached.guilds)
        cached.flushed_hash = 0
        self._urgent.add(user_id)
        if change.is_hidden != change.was_hidden:
            tell = self.remove if change.is_hidden else self.joined
            for guild_id in cached.guilds:
                tell(user_id, guild_id)
        self.changed(user_id)

    def shard_restored(self, shard: ShardKey) -> None:
        """As Reduction.restored."""
        self._reduction.restored(shard)
        self._wake_up()

    def _icon_found(self, user_id: int) -> None:
        if user_id in self._users:
            self.changed(user_id)
        else:  # its user was reduced without it
            self._reduction.add(user_id)
            self._wake_up()

    def _wake_up(self) -> None:
        self._drained.clear()
        self._wake.set()

    def drop_shard(self, shard_id: int, shard_count: int) -> None:
        """Another process runs the shard, and writes who is in its guilds and who has left."""
        self._dropped_shards.add((shard_id, shard_count))
        self._reduction.dropped((shard_id, shard_count))
        for memberships in (self._joined, self._left):
            for user_id, guild_ids in list(memberships.items()):
                for guild_id in guild_ids:
                    if self._is_dropped(guild_id):
                        _discard(user_id, guild_id, memberships)

    def mark_all_dirty(self) -> None:
        """Redis may have lost all data: write every user, with all their guilds."""
        self._rewrites += 1
        for user_id, cached in self._users:
            cached.flushed_hash = 0
            for guild_id in cached.guilds:
                self._join(user_id, guild_id)

    def watermark(self) -> tuple[int, int]:
        """The end of the queue now, for `reached`."""
        return self._requeues, self._flushed + self._in_flight + len(self._pending)

    def reached(self, watermark: tuple[int, int]) -> bool | None:
        """Whether all that was pending then is in Redis. None: that cannot be known any more."""
        requeues, position = watermark
        if requeues != self._requeues:
            return None
        return self._flushed >= position

    async def drained(self) -> None:
        """Return when nothing is pending."""
        await self._drained.wait()

    async def flush_barrier(self) -> None:
        """Return when all that is pending now is written, whatever is added meanwhile."""
        watermark = self.watermark()
        while not (reached := self.reached(watermark)):
            if reached is None:
                watermark = self.watermark()
            await asyncio.sleep(self._timings.gate_interval_s)

    async def run(self) -> None:
        """Write until cancelled. While Redis is away, retry."""
        failures = 0
        while True:
            await self._wake.wait()
            fence = await self._next_fence()
            self._rendered.clear()
            if not self._pending:
                self._rest()
                continue
            self._dropped_shards.clear()
            rewrites, saves = self._rewrites, list[Save]()
            try:
                results = await self._save_pending(saves, fence, is_retry=failures > 0)
            except StoreUnavailable as error:
                self._requeue(saves)
                if not failures:
                    log.warning("%s; %d users are waiting to be written", error, len(self._pending))
                metrics.SAVES_FAILED.inc()
                self._gate.invalidate()
                failures += 1
                await asyncio.sleep(self._timings.retry.delay(failures))
                continue
            if failures:
                log.info("Redis is back; %d users are still to be written", len(self._pending))
                failures = 0
            self._flushed += self._in_flight
            self._in_flight = 0
            self._apply_results(saves, results, is_kept=rewrites == self._rewrites)
            if not self._pending:
                self._rest()
            if len(saves) >= BUSY_BATCH_USERS and len(self._pending) < BATCH_USERS:
                await asyncio.sleep(self._timings.gather_s)

    def _rest(self) -> None:
        """Nothing is pending."""
        if not self._reduction.is_due:
            self._wake.clear()
            self._drained.set()

    async def _save_pending(self, saves: list[Save], fence: int, *, is_retry: bool) -> list[int]:
        """Save the first users of the queue. Gives the results, and adds what is rendered to
        `saves`. Raises StoreUnavailable."""
        batches = min(len(self._pending) // BATCH_USERS, BATCHES_AT_ONCE)
        if batches <= 1 or is_retry:  # Redis may be slow: several would be late together
            saves += self._next_batch(list(islice(self._pending, BATCH_USERS)))
            results = await self._store.save(saves, fence)
        else:
            due = list(islice(self._pending, batches * BATCH_USERS))
            results = await self._save_at_once(due, saves, fence)
        await self._merge_conflicts(saves, results, fence)
        return results

    async def _save_at_once(self, due: Sequence[int], saves: list[Save], fence: int) -> list[int]:
        """As `_save_pending`, in several batches: Redis executes one while the next is rendered.

        Each user is in one of them only, so their order does not matter. The fence may be older
        than what is rendered: a write of another process since makes it stale.
        """
        sent: list[asyncio.Task[list[int]]] = []
        try:
            for start in range(0, len(due), BATCH_USERS):
                if sent and (self._urgent or not self._gate.is_open):
                    break
                batch = list(self._next_batch(due[start : start + BATCH_USERS]))
                saves += batch
                sent.append(asyncio.create_task(self._store.save(batch, fence)))
                await asyncio.sleep(0)  # it is sent, and events are handled
            return [result for results in await asyncio.gather(*sent) for result in results]
        finally:
            for task in sent:
                task.cancel()
            await asyncio.gather(*sent, return_exceptions=True)

    async def _next_fence(self) -> int:
        """Taken before the gate is checked: a process that may write later gets a higher one.

        What users hide waits neither for a replay nor for a long queue. A listing may bring more of
        them all the time, so the queue's turn comes in between.
        """
        has_hidden = False
        while True:
            has_more = await self._reduction.reduce_batch()
            fence = self._store.clock.next()
            if self._gate.is_open and (not self._urgent or len(self._pending) <= BATCH_USERS):
                self._urgent_in_flight, self._urgent = self._urgent, set()
                return fence
            if self._gate.is_open and has_hidden:
                self._urgent_in_flight = set()
                return fence
            if self._urgent and self._gate.is_held:
                urgent, self._urgent = self._urgent, set()
                again = await self._hide(urgent, fence)
                self._urgent |= again
                if not again:
                    has_hidden = True
                    continue
            if not has_more:
                await asyncio.sleep(self._timings.gate_interval_s)

    async def _hide(self, urgent: set[int], fence: int) -> set[int]:
        """Reduce these in Redis. They stay in the queue, whose order the checkpoints need. Returns
        those who must be reduced again."""
        try:
            return await self._reduction.reduce(urgent, fence, lambda one: self._left.get(one, ()))
        except StoreUnavailable:
            self._gate.invalidate()
            return urgent

    def _next_batch(self, user_ids: Sequence[int]) -> Iterator[Save]:
        """The saves of these users, all of whom are pending. One with nothing to write has none."""
        self._in_flight += len(user_ids)
        for user_id in user_ids:
            received = self._pending.pop(user_id)
            joined = self._joined.pop(user_id, ())
            left = self._left.pop(user_id, ())
            cached = self._users.get(user_id)
            if cached and left:
                cached.forget(left, self._gate.runs_in_one_shard)
                self._users.note_waiting(user_id, cached)
            if self._people.is_hidden(user_id):
                self._users.note_gone(user_id, None)
                if left:
                    yield Save(user_id, None, (), left, received)
                continue
            if cached is None and not left:
                cached = self._users.gone(user_id)
            fields = self._render(user_id, cached) if cached else None
            if fields or joined or left:
                considered, base = cached.merged_from() if cached else (0, 0)
                flushed = cached.flushed_hash if cached else 0
                is_first, is_stored = flushed in (0, MATCHES_NOTHING), flushed != 0
                yield Save(
                    user_id, fields, joined, left, received, considered, base, is_first, is_stored
                )

    def _render(
        self, user_id: int, cached: CachedUser, last_seen_of: LastSeenOf | None = None
    ) -> Fields | None:
        user, discord, hidden = cached.user, cached.presence, b""
        reports = cached.merged.stored() if cached.merged else b""
        try:
            chosen = self._people.chosen(user_id)
            by = self._people.filter(user_id) if chosen else None
            if by is not None:
                user, discord = filters.user(user, by), filters.presence(discord, by)
                reports, hidden = filters.reports(reports, discord, by), by.hidden()
            shown = _OFFLINE_SHOWN if discord == OFFLINE else _decode(discord)
            accounts = self._people.accounts(user_id) if chosen else ()
            rendered_from = hash((user, chosen, accounts, *shown["client_status"].items()))
            profile = b""
            if rendered_from != cached.flushed_hash:  # costs 10 µs and a kilobyte
                known = normalize.profile(_decode(user), shown, self._cdn)
                profile = _encode(with_own_words(known, chosen, accounts))
                self._rendered[user_id] = rendered_from
            last_seen: int | UnsetType | None = UNSET
            if chosen is not None:
                status = normalize.status_of(shown)
                last_seen = (last_seen_of or self._history.last_seen)(
                    user_id, status, cached.guilds
                )
            if discord == OFFLINE and last_seen is UNSET:
                encoded = _INVISIBLE  # most of a large server, which costs 3 µs less for each
            else:
                presence = normalize.presence(
                    shown,
                    self._cdn,
                    self._icons.known,
                    hides_listening=by is not None and "listening" in by.fields,
                    last_seen=last_seen,
                )
                for application_id in normalize.applications_without_art(presence):
                    self._icons.request(application_id, user_id)
                encoded = _encode(presence)
        except Exception:  # what users typed must not end the process
            metrics.EVENTS_REJECTED.labels("normalize").inc()
            log.exception("user %s cannot be rendered; the last snapshot is kept", user_id)
            return None
        history = self._history.kept_song(user_id) if chosen is not None else b""
        return Fields(profile, encoded, discord_objects(user, discord), reports, hidden, history)

    def _join(self, user_id: int, guild_id: int) -> None:
        if not self._people.is_hidden(user_id):
            _move(user_id, guild_id, self._left, self._joined)
            self.changed(user_id)

    def _requeue(self, saves: list[Save]) -> None:
        """Put back what was not written, unless it has changed again meanwhile."""
        self._requeues += 1
        self._in_flight = 0
        self._urgent |= self._urgent_in_flight.intersection(save.user_id for save in saves)
        for save in saves:
            self._pending[save.user_id] = save.received  # the older time, if there is a newer
            cached = self._users.get(save.user_id)
            if cached is not None:
                cached.flushed_hash = 0  # Redis may have written it without an answer
            newer = self._joined.get(save.user_id, ()) + self._left.get(save.user_id, ())
            for guild_ids, put_back in ((save.joined, self._join), (save.left, self.remove)):
                for guild_id in guild_ids:
                    if guild_id not in newer and not self._is_dropped(guild_id):
                        put_back(save.user_id, guild_id)
            self.changed(save.user_id)

    def _is_dropped(self, guild_id: int) -> bool:
        return any(shard_of(guild_id, count) == shard for shard, count in self._dropped_shards)

    def _apply_results(self, saves: list[Save], results: list[int], is_kept: bool) -> None:
        """`is_kept`: Redis is not known to have lost data since."""
        written, has_lost_users = 0, False
        now_us = time_ns() // 1000
        for save, result in zip(saves, results, strict=True):
            written += result > 0
            if result in (STALE_WRITE, CONFLICT):  # the process of another shard has written it
                self._requeue([save])
                continue
            cached = self._users.get(save.user_id)
            if result == LOST:
                has_lost_users |= cached is not None
                self._requeue_lost(save, cached)
                continue
            if result != NO_PROFILE:
                metrics.WRITE_LAG.observe(max(0, now_us - save.received) / 1e6)
            if self._history.is_kept(save.user_id):
                self._observe(save, result, cached)
            if cached is None:
                self._wait_for_gone(save.user_id, result)
            if cached is None or save.fields is None:
                continue
            if result > 0:
                cached.saved_as(result)
            if result == NO_PROFILE:  # other software has written over it
                self._requeue([save])
            elif save.fields.profile and is_kept:
                cached.flushed_hash = self._rendered[save.user_id]
        metrics.SAVES_WRITTEN.inc(written)
        metrics.SAVES_UNCHANGED.inc(len(saves) - written)
        if has_lost_users and is_kept:  # else all are being written again
            log.warning("Redis has lost monitored users")
            self._gate.suspect_loss()

    def _requeue_lost(self, save: Save, cached: CachedUser | None) -> None:
        """Redis has lost a key of the user, and with it perhaps their guilds."""
        self._requeue([save])
        if cached is None:
            self._users.note_gone(save.user_id, None)
            return
        for guild_id in cached.guilds:
            self._join(save.user_id, guild_id)

    def _wait_for_gone(self, user_id: int, result: int) -> None:
        gone = self._users.gone(user_id)
        if gone is not None and result > 0:
            gone.saved_as(result)
        self._users.note_gone(user_id, gone if result >= UNCHANGED else None)

    def _observe(self, save: Save, result: int, cached: CachedUser | None) -> None:
        guilds = cached.guilds if cached else ()
        if result in (REMOVED, NOT_MONITORED):
            if save.left:
                self._history.withdrawn(save.user_id, (*guilds, *save.left))
        elif result >= UNCHANGED and save.fields is not None:
            self._history.saved(
                save.user_id,
                save.fields.presence,
                guilds,
                version=result,
                received_us=save.received,
            )

    async def _merge_conflicts(self, saves: list[Save], results: list[int], fence: int) -> None:
        """Merge what other processes have written with what is reported here, and save that.

        Replaces saves and results. Raises StoreUnavailable.
        """
        for _ in range(MAX_MERGES):
            places = [place for place, result in enumerate(results) if result == CONFLICT]
            if not places:
                return
            stored = await user_reports.load(
                self._store, [saves[place].user_id for place in places]
            )
            await self._adopt_last_seen([saves[place].user_id for place in places])
            for place, one in zip(places, stored, strict=True):
                saves[place] = self._merge(saves[place], one)
            again = await self._store.save([saves[place] for place in places], fence)
            for place, result in zip(places, again, strict=True):
                results[place] = result

    async def _adopt_last_seen(self, user_ids: Iterable[int]) -> None:
        """Two processes see the same person leave, at times that differ a little."""
        kept = [user_id for user_id in user_ids if self._history.is_kept(user_id)]
        if kept:
            found = await user_reports.load_last_seen(self._store, kept)
            for user_id, last_seen in zip(kept, found, strict=True):
                self._history.adopt(user_id, last_seen)

    def _merge(self, save: Save, stored: StoredReports) -> Save:
        user_id = save.user_id
        cached = self._users.get(user_id)
        if self._people.is_hidden(user_id):  # since the save was rendered: they are withdrawn next
            return msgspec.structs.replace(save, fields=None, considered=-1, base=0)
        if cached is None and stored.discord is None:  # there is nothing to merge
            return msgspec.structs.replace(save, considered=-1)
        left = {*save.left, *self._left.get(user_id, ())}
        # Those that Redis has lost too: without them each save would be a conflict.
        lost = set(cached.guilds) - stored.guilds if cached else set()
        joined = {*save.joined, *lost}
        try:
            user = merge_stored(cached, stored, left, self._gate.runs)
        except msgspec.MsgspecError:
            log.warning("Redis holds unusable reports of user %s: they are replaced", user_id)
            return msgspec.structs.replace(save, joined=tuple(joined), considered=-1, base=0)
        if cached is not None:
            self._users.note_waiting(user_id, cached)
        else:
            self._users.note_gone(user_id, user)
            if not (left or joined):  # another process has written since: it is waited for anew
                return msgspec.structs.replace(save, fields=None, considered=-1, base=0)
        considered, base = user.merged_from()
        fields = self._render(user_id, user)
        return msgspec.structs.replace(
            save, fields=fields, joined=tuple(joined), considered=considered, base=base
        )


def _move(user_id: int, guild_id: int, source: Memberships, target: Memberships) -> None:
    _discard(user_id, guild_id, source)
    guild_ids = target.get(user_id, ())
    if guild_id not in guild_ids:
        target[user_id] = (*guild_ids, guild_id)


def _discard(user_id: int, guild_id: int, memberships: Memberships) -> None:
    guild_ids = memberships.get(user_id)
    if guild_ids is not None and guild_id in guild_ids:
        memberships[user_id] = tuple(one for one in guild_ids if one != guild_id)
        if not memberships[user_id]:
            del memberships[user_id]
