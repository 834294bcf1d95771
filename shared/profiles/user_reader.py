"""One person as the answers need them: read from Redis, with the facts that are known besides."""

from __future__ import annotations

from typing import Self

import msgspec
from msgspec import Struct

from shared.config import ApiSettings
from shared.http.errors import UserNotMonitored
from shared.model.profile_extras import ProfileExtras, apply_extras
from shared.profiles.batch_reader import BatchReader, Read
from shared.profiles.service import ProfileService
from shared.redis.store import Store


class UserView(Struct, frozen=True):
    version: int
    profile: bytes  # snapshot.Profile as JSON, completed
    presence: bytes  # snapshot.Presence as JSON
    good_until: float  # time.monotonic(): the facts need no other look before


class UserReader:
    def __init__(self, reads: BatchReader, profiles: ProfileService) -> None:
        self._reads = reads
        self._profiles = profiles

    @classmethod
    def of(cls, store: Store, profiles: ProfileService, settings: ApiSettings) -> Self:
        with_facts = settings.profile_source != "off"
        return cls(BatchReader(store, settings.profile_ttl, with_facts=with_facts), profiles)

    async def read(self, user_id: int) -> Read:
        """Raises UserNotMonitored, StoreUnavailable, SnapshotDamaged."""
        read = await self._reads.read(user_id)
        if read is None:
            raise UserNotMonitored
        return read

    async def person(self, user_id: int) -> UserView:
        """With facts, if need be from the profile source. Raises as `read` does."""
        read = await self.read(user_id)
        facts = read.facts
        if read.ask:  # only now: a stranger's id must cost nothing more
            facts = await self._profiles.facts(user_id) or facts
        snapshot = read.snapshot
        profile = _completed(snapshot.profile, facts)
        return UserView(snapshot.version, profile, snapshot.presence, read.good_until)


def _completed(profile: bytes, facts: ProfileExtras | None) -> bytes:
    try:
        return apply_extras(profile, facts)
    except msgspec.DecodeError:
        return profile  # of another version's gateway: without facts it is still the truth
