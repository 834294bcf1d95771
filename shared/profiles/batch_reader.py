"""All that an answer needs of one user, in one round trip with the other requests of the moment.

Measured, in µs of CPU for one user: alone 115, with 8 others 27, with 31 others 16. So those that
come while a batch is on its way wait for its return, and then go together.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from msgspec import Struct
from prometheus_client import Counter

from shared.model.profile_extras import ProfileExtras
from shared.model.snapshot import Snapshot
from shared.profiles.cache import FAILURE_TTL_S, REFRESH_FROM, decode_entry
from shared.redis.profile_entries import UserRow, load_users
from shared.redis.store import SnapshotDamaged, Store, StoreUnavailable

log = logging.getLogger(__name__)

UNREADABLE: Final = Counter(
    "grux_snapshots_unreadable_total", "Reads of a user whose snapshot in Redis is damaged."
)

_BATCH_USERS: Final = 100  # in one round trip

_MAX_WAIT_S: Final = 0.002
"""For the batch before. If Redis takes longer, the two are on their way at the same time."""


class Read(Struct, frozen=True):
    """One user as Redis held them at one moment."""

    snapshot: Snapshot
    extras: ProfileExtras | None  # what the profile source has said
    ask: bool  # the profile service has to be asked: there is no entry, or it is old
    good_until: float  # time.monotonic(): unless something changes, nothing new is read before
    history: bytes = b""  # shared.redis.store.Fields.history, if it is read


Result = Read | Exception | None
"""None: the user is not monitored."""

Done = Callable[[Result], None]


class BatchReader:
    """Reads users together that are asked for in one turn of the event loop, or while another batch
    is on its way."""

    def __init__(
        self, store: Store, profile_ttl: int, *, with_extras: bool, with_history: bool = False
    ) -> None:
        """`profile_ttl`: in seconds. `with_extras` False: there is no profile source, and no
        profile entries are read. `with_history`: `Read.history` is needed."""
        self._store = store
        self._with_extras = with_extras
        self._with_history = with_history
        self._old_below_s = profile_ttl * (1 - REFRESH_FROM)  # remaining TTL
        self._waiting: dict[int, list[Done]] = {}
        self._on_their_way = 0  # batches
        self._sending: asyncio.Handle | None = None  # of those that wait
        self._tasks: set[asyncio.Task[None]] = set()

    async def read(self, user_id: int) -> Read | None:
        """None when the user is not monitored. Raises StoreUnavailable, SnapshotDamaged."""
        answer: asyncio.Future[Read | None] = asyncio.get_running_loop().create_future()
        self.begin(user_id, partial(_resolve, answer))
        return await answer

    def begin(self, user_id: int, done: Done) -> None:
        """`done` gets what `read` returns or raises, later.

        A read never joins one that has been sent already: the answer is not older than this call,
        so that two reads one after the other never go back in time.
        """
        if not self._waiting:
            loop = asyncio.get_running_loop()
            if self._on_their_way:
                self._sending = loop.call_later(_MAX_WAIT_S, self._send)
            else:
                self._sending = loop.call_soon(self._send)
        self._waiting.setdefault(user_id, []).append(done)

    def _send(self) -> None:
        waiting, self._waiting = list(self._waiting.items()), {}
        for start in range(0, len(waiting), _BATCH_USERS):
            self._on_their_way += 1
            task = asyncio.create_task(self._ask(waiting[start : start + _BATCH_USERS]))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _ask(self, asked: Sequence[tuple[int, Sequence[Done]]]) -> None:
        """Answer all of them; what is wrong with one user affects no other."""
        now = time.monotonic()
        try:
            user_ids = [user_id for user_id, _ in asked]
            rows = await load_users(
                self._store,
                user_ids,
                with_entries=self._with_extras,
                with_history=self._with_history,
            )
        except Exception as error:
            self._returned()
            for _, waiting in asked:
                _tell(waiting, error)
            return
        self._returned()
        for row, (_, waiting) in zip(rows, asked, strict=True):
            try:
                result: Result = self._read(row, now)
            except Exception as error:
                result = error
            _tell(waiting, result)

    def _returned(self) -> None:
        """A batch has returned. Its callers are answered first, so what they read next is in the
        next batch."""
        self._on_their_way -= 1
        if self._waiting and not self._on_their_way and self._sending is not None:
            self._sending.cancel()
            self._sending = asyncio.get_running_loop().call_soon(self._send)

    def _read(self, row: UserRow | StoreUnavailable, now: float) -> Read | None:
        if isinstance(row, StoreUnavailable):
            raise row
        snapshot = row.snapshot
        if isinstance(snapshot, SnapshotDamaged):
            UNREADABLE.inc()
            raise snapshot
        if snapshot is None:
            return None
        if not self._with_extras:
            return Read(snapshot, None, False, float("inf"), row.history)
        if row.entry_damaged:
            return Read(snapshot, None, False, now + FAILURE_TTL_S, row.history)
        if row.entry is None:  # once the answer is stored, Redis reports the change
            return Read(snapshot, None, True, now + FAILURE_TTL_S, row.history)
        extras, ttl_s = decode_entry(row.entry), row.entry_ttl_s
        if extras is not None and ttl_s >= self._old_below_s:
            return Read(snapshot, extras, False, now + ttl_s - self._old_below_s, row.history)
        until = now + min(ttl_s, FAILURE_TTL_S)
        return Read(snapshot, extras, extras is not None, until, row.history)


def _tell(waiting: Sequence[Done], result: Result) -> None:
    for done in waiting:
        try:
            done(result)
        except Exception:
            log.exception("unhandled exception after the read of a user")


def _resolve(answer: asyncio.Future[Read | None], result: Result) -> None:
    if answer.done():  # the reader was cancelled
        return
    if isinstance(result, Exception):
        answer.set_exception(result)
    else:
        answer.set_result(result)
