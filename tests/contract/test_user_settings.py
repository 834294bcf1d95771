"""Settings in the durable Redis: stored atomically, listed, published, and hidden when damaged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from shared.model.user_settings import DEFAULTS, UserSettings
from shared.redis import durable_backup, keys
from shared.redis.durable import DurableUnavailable
from shared.redis.store import Store
from shared.redis.user_settings import UNREADABLE, UserSettingsStore
from testing.eventually import PATIENCE
from testing.free_port import free_port

USER, OTHER = 1274150219482660897, 1274150219482660898


@pytest.fixture
async def durable(server_url: str) -> AsyncIterator[Store]:
    async with Store.connect(server_url, timeout=PATIENCE) as store:
        yield store


@pytest.fixture
def settings(durable: Store) -> UserSettingsStore:
    return UserSettingsStore(durable)


def with_bio(text: str | None) -> UserSettings:
    return UserSettings(bio=text)


async def listed(settings: UserSettingsStore) -> set[int]:
    return {user_id async for batch in settings.users() for user_id in batch}


async def test_what_was_never_chosen_is_the_default(settings: UserSettingsStore) -> None:
    """Nothing is stored of such a person."""
    assert await settings.get(USER) == DEFAULTS
    assert await settings.get_many([USER, OTHER]) == [DEFAULTS, DEFAULTS]
    assert await settings.get_many([]) == []
    assert await listed(settings) == set()


async def test_a_change_is_stored_and_listed(settings: UserSettingsStore) -> None:
    """It gives what it has stored."""
    changed = await settings.change(USER, lambda old: replace(old, visible=False))
    assert changed == UserSettings(visible=False)
    assert await settings.get_many([OTHER, USER]) == [DEFAULTS, changed]
    assert await listed(settings) == {USER}


async def test_concurrent_changes_all_count(settings: UserSettingsStore) -> None:
    """Each is made of the settings that the one before has stored."""

    def later(old: UserSettings) -> UserSettings:
        return replace(old, paused_until=old.paused_until + 1)

    await asyncio.gather(*(settings.change(USER, later) for _ in range(5)))
    assert await settings.get(USER) == UserSettings(paused_until=5)


async def test_an_error_in_a_change_stores_nothing(settings: UserSettingsStore) -> None:
    """It is passed on."""

    def refuse(_: UserSettings) -> UserSettings:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await settings.change(USER, refuse)
    assert await listed(settings) == set()


async def test_changes_are_published(durable: Store, settings: UserSettingsStore) -> None:
    """With the id; what changes nothing is not; nothing in it says what was chosen."""
    async with durable.redis.pubsub() as pubsub:
        await pubsub.subscribe(keys.SETTINGS_CHANNEL)
        await pubsub.get_message(timeout=PATIENCE)
        await settings.change(USER, lambda _: with_bio("a"))
        await settings.change(USER, lambda _: with_bio("a"))
        await settings.change(OTHER, lambda _: with_bio("b"))
        await settings.erase(USER)
        await settings.announce_all()
        said = [await pubsub.get_message(timeout=PATIENCE) for _ in range(4)]
    assert [message["data"] for message in said] == [
        str(USER).encode(),
        str(OTHER).encode(),
        str(USER).encode(),
        b"",
    ]


async def test_a_restored_backup_is_announced(durable: Store, settings: UserSettingsStore) -> None:
    """Gateways follow it: the settings of then count, and nobody's of today."""
    await settings.change(USER, lambda _: with_bio("a"))
    backup = [entry async for entry in durable_backup.entries(durable)]
    await settings.erase(USER)
    await settings.change(OTHER, lambda _: with_bio("b"))
    async with durable.redis.pubsub() as pubsub:
        await pubsub.subscribe(keys.SETTINGS_CHANNEL)
        await pubsub.get_message(timeout=PATIENCE)
        await durable_backup.replace_all(durable, backup)
        said = await pubsub.get_message(timeout=PATIENCE)
    assert said["data"] == b""
    assert await settings.get_many([USER, OTHER]) == [with_bio("a"), DEFAULTS]
    assert await listed(settings) == {USER}


@pytest.mark.parametrize("by", ["erase", "change"])
async def test_nothing_is_left_of_erased_settings(
    durable: Store, settings: UserSettingsStore, by: str
) -> None:
    """Nor of settings that were changed back to the defaults."""
    await settings.change(USER, lambda _: with_bio("a"))
    if by == "erase":
        await settings.erase(USER)
    else:
        await settings.change(USER, lambda _: DEFAULTS)
    assert await settings.get(USER) == DEFAULTS
    assert await durable.redis.keys("*") == []
    await settings.erase(USER)  # again: nothing happens


@pytest.mark.parametrize("damage", ["json", "field", "type"])
async def test_damaged_settings_hide_the_person(
    durable: Store, settings: UserSettingsStore, damage: str
) -> None:
    """Other software wrote there: what the person had hidden is not known. They can change it."""
    await settings.change(USER, lambda _: with_bio("a"))
    name = keys.durable_settings(USER)
    match damage:
        case "json":
            await durable.redis.hset(name, "settings", "{")
        case "field":
            await durable.redis.hdel(name, "settings")
        case "type":
            await durable.redis.set(name, "text")
    assert await settings.get_many([OTHER, USER]) == [DEFAULTS, UNREADABLE]
    changed = await settings.change(USER, lambda old: replace(old, bio="b"))
    assert changed == UserSettings(visible=False, bio="b")
    assert await settings.get(USER) == changed


async def test_erasing_removes_what_other_software_wrote(
    durable: Store, settings: UserSettingsStore
) -> None:
    """Erased is erased, whatever is there."""
    await durable.redis.set(keys.durable_settings(USER), "text")
    await settings.erase(USER)
    assert await durable.redis.keys("*") == []


async def test_a_redis_that_is_away_is_reported() -> None:
    """By every method, with the error of the durable Redis."""
    async with Store.connect(f"redis://127.0.0.1:{free_port()}") as store:
        settings = UserSettingsStore(store)
        with pytest.raises(DurableUnavailable):
            await settings.get(USER)
        with pytest.raises(DurableUnavailable):
            await settings.change(USER, lambda old: old)
        with pytest.raises(DurableUnavailable):
            await settings.erase(USER)
        with pytest.raises(DurableUnavailable):
            await settings.announce_all()
        with pytest.raises(DurableUnavailable):
            await listed(settings)
