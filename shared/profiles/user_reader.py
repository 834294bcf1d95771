"""One user as the answers need them: the snapshot in Redis, completed with profile extras."""

from __future__ import annotations

import time
from typing import Self

import msgspec
from msgspec import Struct

from shared.config import ProfileSettings
from shared.http.errors import UserNotMonitored
from shared.model.key_value import EMPTY, with_kv
from shared.model.profile_extras import ProfileExtras, apply_extras
from shared.model.snapshot import Snapshot
from shared.profiles.batch_reader import BatchReader, Done, Read
from shared.profiles.cache import FAILURE_TTL_S
from shared.profiles.service import ProfileService
from shared.redis.kv_copies import KvCopies
from shared.redis.store import Store


class UserView(Struct, frozen=True):
    """What an answer shows of a user."""

    version: int
    profile: bytes  # snapshot.Profile as JSON, with extras
    presence: bytes  # snapshot.Presence as JSON
    good_until: float  # time.monotonic(): unless something changes, nothing new is read before
    history: bytes = b""  # shared.redis.store.Fields.history, if it is read
    hides: bool = False  # whether the user hides anything


class UserReader:
    """Reads users from Redis, and asks the profile service for what Redis does not hold."""

    def __init__(
        self, reads: BatchReader, profiles: ProfileService, copies: KvCopies | None = None
    ) -> None:
        """`copies`: of the key-value stores. Without it, those that have no copy are empty."""
        self._reads = reads
        self._profiles = profiles
        self._copies = copies

    @classmethod
    def of(
        cls,
        store: Store,
        profiles: ProfileService,
        settings: ProfileSettings,
        copies: KvCopies | None = None,
        *,
        with_history: bool = False,
    ) -> Self:
        """With a batch reader of its own, as the settings have it."""
        reads = BatchReader(
            store,
            settings.profile_ttl,
            with_extras=settings.profile_source != "off",
            with_history=with_history,
        )
        return cls(reads, profiles, copies)

    async def read(self, user_id: int) -> Read:
        """Raises UserNotMonitored, StoreUnavailable, SnapshotDamaged."""
        read = await self._reads.read(user_id)
        if read is None:
            raise UserNotMonitored
        return read

    def begin(self, user_id: int, done: Done) -> None:
        """As `read`, for callers that do not wait: `done` gets what it finds, later."""
        self._reads.begin(user_id, done)

    async def view(self, user_id: int) -> UserView:
        """The user with extras, from the profile source where needed. Raises as `read` does."""
        read = await self.read(user_id)
        view = view_of(read)
        if view is not None:
            return view
        extras = read.extras
        if read.ask:  # only for a monitored user: an unknown id must not cost a request
            extras = await self._profiles.extras(user_id) or extras
        kv, until = read.snapshot.kv, read.good_until
        if kv is None:
            kv, kv_until = await self.kv_without_copy(user_id)
            until = min(until, kv_until)
        return _view(read, extras, kv, until)

    async def kv_without_copy(self, user_id: int) -> tuple[bytes, float]:
        """The key-value store of a user who has no copy of it, and until when it is good.

        Empty for a moment while the durable Redis does not answer.
        """
        if self._copies is None:
            return EMPTY, float("inf")
        found = await self._copies.fill([user_id])
        if user_id in found:
            return found[user_id], float("inf")
        return EMPTY, time.monotonic() + FAILURE_TTL_S


def view_of(read: Read) -> UserView | None:
    """What an answer shows, if nothing else has to be asked for it: else see UserReader.view."""
    kv = read.snapshot.kv
    if read.ask or kv is None:
        return None
    return _view(read, read.extras, kv, read.good_until)


def _view(read: Read, extras: ProfileExtras | None, kv: bytes, until: float) -> UserView:
    snapshot = read.snapshot
    profile = with_kv(_completed(snapshot, extras), kv)
    return UserView(
        snapshot.version, profile, snapshot.presence, until, read.history, bool(snapshot.hidden)
    )


def _completed(snapshot: Snapshot, extras: ProfileExtras | None) -> bytes:
    try:
        return apply_extras(snapshot.profile, extras, snapshot.hidden)
    except msgspec.DecodeError:
        return snapshot.profile  # written by another version's gateway; still right without extras
