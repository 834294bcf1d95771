"""The settings of people, in the durable Redis. A change is published when it is written.

`durable:settings-users` lists the people who have settings, so that a gateway finds them all. A
person is listed before their settings are written, and once more after it, because an erasure may
come in between.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from shared.model import user_settings
from shared.model.user_settings import DEFAULTS, UserSettings
from shared.redis import keys
from shared.redis.clients import is_damage
from shared.redis.durable import DurableUnavailable, available
from shared.redis.scripts import Script
from shared.redis.store import Store

UNREADABLE: Final = UserSettings(visible=False)
"""What counts where other software has written over the settings: then nothing is shown."""

_WRITE: Final = Script("settings_write.lua")
_SCAN_COUNT: Final = 500
_ATTEMPTS: Final = 20  # each fails only because another change succeeded


class _StoredSettings(Struct, frozen=True):
    """One person's settings at one moment."""

    revision: int  # the time of the change in µs since 1970, or later; 0: nothing is stored
    settings: UserSettings


class UserSettingsStore:
    """The settings of everybody. Every method raises DurableUnavailable."""

    def __init__(self, durable: Store) -> None:
        self._durable = durable

    async def get(self, user_id: int) -> UserSettings:
        """One person's; the defaults if they have chosen nothing."""
        [found] = await self.get_many([user_id])
        return found

    async def get_many(self, user_ids: Sequence[int]) -> list[UserSettings]:
        """Each person's, in one round trip."""
        return [found.settings for found in await self._load(user_ids)]

    async def _load(self, user_ids: Sequence[int]) -> list[_StoredSettings]:
        async with available(), self._durable.reachable():
            pipe = self._durable.redis.pipeline(transaction=False)
            for user_id in user_ids:
                pipe.hmget(keys.durable_settings(user_id), ["revision", "settings"])
            rows = await pipe.execute(raise_on_error=False)
            for row in rows:
                if isinstance(row, Exception) and not is_damage(row):
                    raise row
        return [_stored(row) for row in rows]

    async def change(
        self, user_id: int, change: Callable[[UserSettings], UserSettings]
    ) -> UserSettings:
        """The settings that `change` makes of the newest ones, once they are stored.

        `change` may be called several times, because another process may write at the same time.
        What it raises is passed on, and nothing is written.
        """
        for _ in range(_ATTEMPTS):
            [stored] = await self._load([user_id])
            revision, settings = stored.revision, stored.settings
            wanted = change(settings)
            if wanted == settings and settings is not UNREADABLE:
                return settings
            if wanted == DEFAULTS:
                if await self._write(user_id, revision, wanted):
                    await self._unlist(user_id)
                    return wanted
                continue
            await self._list(user_id)
            if await self._write(user_id, revision, wanted):
                await self._list(user_id)
                return wanted
        raise DurableUnavailable("these settings are being changed by others all the time")

    async def erase(self, user_id: int) -> None:
        """Forget what the person has chosen: the defaults count again."""
        for _ in range(_ATTEMPTS):
            [stored] = await self._load([user_id])
            if await self._write(user_id, stored.revision, DEFAULTS):
                await self._unlist(user_id)
                return
        raise DurableUnavailable("these settings are being changed by others all the time")

    async def users(self) -> AsyncIterator[list[int]]:
        """Everybody who has settings, in batches; perhaps some who had."""
        cursor: Any = 0
        while True:
            async with available(), self._durable.reachable():
                cursor, rows = await self._durable.redis.zscan(
                    keys.SETTINGS_USERS, cursor, count=_SCAN_COUNT
                )
            members: list[Any] = [member for member, _ in rows]
            ids = [int(one) for one in filter(keys.is_id, members)]
            if ids:
                yield ids
            if cursor == 0:
                return

    async def announce_all(self) -> None:
        """Let every gateway load all settings again, as after a restored backup."""
        async with available(), self._durable.reachable():
            await self._durable.redis.publish(keys.SETTINGS_CHANNEL, b"")

    async def _write(self, user_id: int, revision: int, settings: UserSettings) -> bool:
        """Also erases what these settings do not keep of the person's history."""
        async with available():
            written = await self._durable.run_script(
                _WRITE,
                [
                    keys.durable_settings(user_id),
                    keys.history(user_id),
                    keys.history_recent(user_id),
                ],
                revision,
                b"" if settings == DEFAULTS else user_settings.encode(settings),
                keys.SETTINGS_CHANNEL,
                user_id,
                settings.history,
            )
        return bool(written)

    async def _list(self, user_id: int) -> None:
        async with available(), self._durable.reachable():
            await self._durable.redis.zadd(keys.SETTINGS_USERS, _listed(user_id))

    async def _unlist(self, user_id: int) -> None:
        async with available(), self._durable.reachable():
            await self._durable.redis.zrem(keys.SETTINGS_USERS, user_id)
            if await self._durable.redis.exists(keys.durable_settings(user_id)):
                await self._durable.redis.zadd(keys.SETTINGS_USERS, _listed(user_id))


def _listed(user_id: int) -> Mapping[Any, Any]:
    return {str(user_id): time.time_ns() // 1_000_000}


def _stored(row: Any) -> _StoredSettings:
    if isinstance(row, Exception):
        return _StoredSettings(0, UNREADABLE)
    revision, json = row
    number = int(revision) if revision is not None and revision.isdigit() else 0
    if json is None:
        return _StoredSettings(number, DEFAULTS if revision is None else UNREADABLE)
    try:
        return _StoredSettings(number, user_settings.decode(json))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _StoredSettings(number, UNREADABLE)
