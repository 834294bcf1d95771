"""`last_played` of /now-playing: of those who keep a history, and of no one else."""

from __future__ import annotations

import time

import msgspec
import pytest
from msgspec.structs import replace

from services.api.middleware.response_cache import ResponseCache
from shared.model.history import ActivitySession, Seen
from shared.model.user_settings import HistoryLevel, UserSettings
from shared.redis.history import HistoryStore, HistoryWrite
from shared.redis.store import Store
from shared.redis.user_settings import UserSettingsStore
from testing.eventually import eventually_async
from testing.redis_server import RedisServer
from tests.api.golden import RICH
from tests.api.http_client import ask
from tests.api.replica import serving
from tests.api.test_now_playing import SONG

PATH = f"/now-playing/{RICH.user_id}"


async def choose(durable: Store, level: HistoryLevel, *hide: str) -> None:
    def changed(old: UserSettings) -> UserSettings:
        return replace(old, history=level, hide=hide)

    await UserSettingsStore(durable).change(RICH.user_id, changed)


async def keep(durable: Store) -> int:
    """A song that has ended now. Returns the time, in ms."""
    now = time.time_ns() // 1_000_000
    session = ActivitySession(
        kind="listening", name=SONG.app, started_at=now - 200_000, ended_at=now, heard=SONG
    )
    write = HistoryWrite(revision=0, seen=Seen(at=now), ended=(session,))
    assert await HistoryStore(durable).write_many({RICH.user_id: write})
    return now


async def last_played(port: int) -> object:
    answer = await ask(port, PATH)
    assert answer.status == 200
    found: object = msgspec.json.decode(answer.body)["data"]["last_played"]
    return found


async def test_the_last_song(store: Store) -> None:
    """The keys of `listening` in their order, then `ended_at`."""
    await choose(store, "recent")
    ended_at = await keep(store)
    async with serving(store) as port:
        found = await last_played(port)
    expected = {**msgspec.to_builtins(SONG), "ended_at": ended_at}
    assert found == expected
    assert isinstance(found, dict)
    assert list(found) == list(expected)


@pytest.mark.parametrize(
    ("level", "hide"), [("off", ()), ("last_seen", ()), ("recent", ("activities",))]
)
async def test_a_history_that_is_not_shown(
    store: Store, level: HistoryLevel, hide: tuple[str, ...]
) -> None:
    """Only songs are `last_played`, and only those that the person shows."""
    await choose(store, "recent")
    await keep(store)
    await choose(store, level, *hide)
    async with serving(store) as port:
        assert await last_played(port) is None


async def test_what_is_switched_off_is_gone(store: Store) -> None:
    """An answer in memory is too old after half a second: nothing reports the change."""
    cache = ResponseCache()
    await choose(store, "recent")
    await keep(store)
    async with serving(store, cache=cache) as port:
        assert await last_played(port)
        await choose(store, "off")

        async def gone() -> bool:
            return await last_played(port) is None

        await eventually_async(gone)


async def test_without_the_durable_redis(store: Store) -> None:
    """The song that plays is known all the same."""
    async with RedisServer() as server, Store.connect(server.url) as durable:
        await server.kill()
        async with serving(store, durable=durable) as port:
            answer = await ask(port, PATH)
    assert answer.status == 200
    assert b'"song":"90mph"' in answer.body
    assert answer.body.endswith(b'"last_played":null},"success":true}')
