"""The channel of settings: every change is told, and so is that changes may have been missed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from shared.model.user_settings import UserSettings
from shared.redis import keys
from shared.redis.settings_feed import SettingsFeed
from shared.redis.store import Store
from shared.redis.user_settings import UserSettingsStore
from testing.eventually import PATIENCE, eventually, eventually_async
from testing.redis_server import RedisServer
from tests.ended import ended

ANNA, BOB = 161092844126208001, 161092844126208002


class Listener:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.users: list[int] = []
        self.all = 0

    def changed(self, user_id: int) -> None:
        self.users.append(user_id)

    def all_changed(self) -> None:
        self.all += 1


@pytest.fixture
async def listener(own_server: RedisServer) -> AsyncIterator[Listener]:
    """Of a feed that runs and is connected."""
    listener = Listener()
    task = asyncio.create_task(SettingsFeed.connect(own_server.url, listener).run())
    await eventually(lambda: listener.all)
    yield listener
    await ended(task)


@pytest.fixture
async def settings(own_server: RedisServer) -> AsyncIterator[UserSettingsStore]:
    async with Store.connect(own_server.url, timeout=PATIENCE) as store:
        yield UserSettingsStore(store)


async def test_a_change_is_told(listener: Listener, settings: UserSettingsStore) -> None:
    """One after the other; a restored backup means everybody."""
    await settings.change(ANNA, lambda _: UserSettings(visible=False))
    await settings.change(BOB, lambda _: UserSettings(bio="Hi"))
    await settings.erase(ANNA)
    await eventually(lambda: listener.users == [ANNA, BOB, ANNA])
    before = listener.all
    await settings.announce_all()
    await eventually(lambda: listener.all > before)


async def test_what_other_software_says_means_everybody(
    own_server: RedisServer, listener: Listener
) -> None:
    """Nothing is taken from it but that something may have changed."""
    before = listener.all
    async with Store.connect(own_server.url, timeout=PATIENCE) as store:
        await store.redis.publish(keys.SETTINGS_CHANNEL, "9" * 100)
    await eventually(lambda: listener.all > before)
    assert listener.users == []


async def test_a_lost_connection_is_told_as_a_change_of_everybody(
    own_server: RedisServer, listener: Listener, settings: UserSettingsStore
) -> None:
    """What was published meanwhile is in no message."""
    before = listener.all
    await own_server.kill()
    await own_server.start()
    await eventually(lambda: listener.all > before)

    async def is_told() -> bool:
        await settings.change(ANNA, lambda old: UserSettings(visible=not old.visible))
        return ANNA in listener.users

    await eventually_async(is_told)
