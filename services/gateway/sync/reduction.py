"""Takes what users hide out of what Redis holds, without waiting for anything (decision 0018).

The writer's own saves wait: for a replay, for a long queue, and until Discord has listed the user.
Memory may be older than Redis meanwhile, so what is written here is made of what Redis holds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from itertools import islice
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from services.gateway.history.observations import Observations
from services.gateway.privacy.settings_table import SettingsTable
from services.gateway.state.user_cache import CachedUser, UserCache, restored_user
from services.gateway.sync.write_gate import WriteGate
from shared.discord.snowflake import ShardKey
from shared.model.snapshot import Status
from shared.redis import user_reports
from shared.redis.store import (
    CONFLICT,
    REMOVED,
    STALE_WRITE,
    Fields,
    Save,
    Store,
    StoreUnavailable,
)
from shared.redis.user_reports import StoredReports

BATCH_USERS: Final = 200

LastSeenOf = Callable[[int, Status, Iterable[int]], int | UnsetType | None]
"""As Observations.last_seen."""

Render = Callable[[int, CachedUser, LastSeenOf], Fields | None]
"""What may be shown of the user, by their settings."""


class Reduction:
    """Reduces what Redis holds of users to what they show, one batch after the other."""

    def __init__(
        self,
        store: Store,
        users: UserCache,
        gate: WriteGate,
        people: SettingsTable,
        history: Observations,
        render: Render,
        retry_s: float,
    ) -> None:
        self._store = store
        self._users = users
        self._gate = gate
        self._people = people
        self._history = history
        self._render = render
        self._retry_s = retry_s
        self._changed: dict[int, None] = {}  # users with new settings: they come first
        self._due: set[int] = set()
        self._all_due = False  # `_due` is yet to be filled with all who have settings
        self._restored: set[ShardKey] = set()

    @property
    def is_due(self) -> bool:
        """Whether users are left to be reduced."""
        return bool(self._changed) or bool(self._due) or self._all_due

    def add(self, user_id: int) -> None:
        """Redis may show too much of the user."""
        self._changed[user_id] = None

    def restored(self, shard: ShardKey) -> None:
        """This process knows what Redis holds of the shard, if it resumes its session. What users
        hide may have changed while no process ran it."""
        self._restored.add(shard)
        self._all_due = True

    def dropped(self, shard: ShardKey) -> None:
        """The shard is another process's, or will be restored again."""
        self._restored.discard(shard)

    async def reduce_batch(self) -> bool:
        """Reduce some of them, if the shards are this process's. Waits after a failure. True if all
        of the batch is done, and there is more.

        Not while a shard is being restored: that reads what is reduced here.
        """
        if not self.is_due:
            return False
        shards = self._gate.generations.keys()
        if not shards:  # the process that runs their shard does it
            self._changed, self._due, self._all_due = {}, set(), False
            return False
        fence = self._store.clock.next()
        if not self._gate.is_held:
            return False
        if not shards <= self._restored:
            await asyncio.sleep(self._retry_s)
            return False
        batch: list[int] = []
        try:
            if self._all_due:
                self._due |= await self._restricted()
                self._all_due = False
            batch = self._take_batch()
            again: Collection[int] = await self.reduce(batch, fence)
        except StoreUnavailable:
            self._gate.invalidate()
            again = batch
        self._due.update(again)
        if again or self._all_due:
            await asyncio.sleep(self._retry_s)
            return False
        return bool(self._changed or self._due)

    def _take_batch(self) -> list[int]:
        both = dict.fromkeys((*islice(self._changed, BATCH_USERS), *islice(self._due, BATCH_USERS)))
        batch = [*islice(both, BATCH_USERS)]
        for user_id in batch:
            self._changed.pop(user_id, None)
            self._due.discard(user_id)
        return batch

    async def reduce(
        self,
        user_ids: Collection[int],
        fence: int,
        left_by: Callable[[int], Collection[int]] = lambda user_id: (),
    ) -> set[int]:
        """Reduce what Redis holds of these users to what they show. Returns those who must be
        reduced again, because another process has written meanwhile. Raises StoreUnavailable.

        `left_by`: servers that a user has left, besides.
        """
        due, saves = sorted(user_ids), list[Save]()
        stored = await user_reports.load(self._store, due)
        last_seen = await self._shown_last_seen(due)
        for user_id, one in zip(due, stored, strict=True):
            own = tuple(filter(self._gate.runs, one.guilds))
            if self._people.is_hidden(user_id):
                if left := {*left_by(user_id), *own}:
                    saves.append(Save(user_id, left=tuple(left)))
            elif own or user_id in self._users:
                fields = self._reduced(user_id, one, last_seen.get(user_id))
                if fields is not None:
                    saves.append(Save(user_id, fields, considered=one.members, base=one.version))
        again = set()
        results = await self._store.save(saves, fence) if saves else []
        for save, result in zip(saves, results, strict=True):
            if result in (STALE_WRITE, CONFLICT):
                again.add(save.user_id)
            elif result == REMOVED and save.user_id not in self._users:
                self._history.withdrawn(save.user_id, save.left)
        return again

    async def _restricted(self) -> set[int]:
        """Users whose data in Redis may hold what they hide. Raises StoreUnavailable."""
        if self._people.restricted() is not None:
            return self._people.choosers()
        return {
            user_id
            async for batch in self._store.users()
            for user_id in batch
            if self._people.is_hidden(user_id) or self._people.chosen(user_id) is not None
        }

    async def _shown_last_seen(self, user_ids: Iterable[int]) -> dict[int, int | None]:
        """Of those who keep a history. Raises StoreUnavailable."""
        kept = [one for one in user_ids if self._history.is_kept(one)]
        found = await user_reports.load_last_seen(self._store, kept) if kept else []
        return dict(zip(kept, found, strict=True))

    def _reduced(self, user_id: int, stored: StoredReports, last_seen: int | None) -> Fields | None:
        """`last_seen`: as Redis holds it. A user who is there as online may have been gone for
        long, so nothing is observed."""
        if stored.discord is None:
            return None
        shown: int | UnsetType | None = UNSET
        if self._history.is_kept(user_id):
            by = self._people.filter(user_id)
            shown = None if by is not None and "status" in by.fields else last_seen
        try:
            user = restored_user(stored.discord, stored.reports)
            return self._render(user_id, user, lambda *_: shown)
        except msgspec.MsgspecError:
            return None  # damaged: the user's next save replaces it
