"""The key-value store in frames: with the profile, after each write, and from a durable Redis."""

from __future__ import annotations

from typing import Any

import pytest

from shared.redis import kv_copies
from shared.redis.durable import DurableKv, StoredKv
from shared.redis.kv_copies import KvCopies, KvReader
from testing.redis_server import RedisServer
from tests.ws.ws_fixture import ANNA, BERT, Backend, RunningServer, nothing_comes, receive

NEVER = StoredKv(0, b"{}")


async def write(backend: Backend, user_id: int, kv: bytes, durable: DurableKv) -> None:
    """As the api does it."""
    stored = await durable.replace(user_id, await durable.load(user_id), kv)
    assert stored is not None
    await KvCopies(backend.store, durable, KvReader(durable)).copy(user_id, stored)


def kv_of(frame: dict[str, Any]) -> dict[str, str]:
    found: dict[str, str] = frame["d"]["profile"]["kv"]
    return found


async def test_a_write_is_a_profile_update(backend: Backend) -> None:
    """One frame for each change, for watchers of this user alone; the next profile keeps it."""
    durable = DurableKv(backend.store)
    await backend.show(ANNA, 1)
    await backend.show(BERT, 1)
    async with backend.serving() as ws, ws.client(ANNA) as anna, ws.client(BERT) as bert:
        assert kv_of(await receive(anna)) == {}
        await receive(bert)
        await write(backend, ANNA, b'{"city":"Kyoto"}', durable)
        update = await receive(anna)
        assert (update["op"], kv_of(update)) == ("profile_update", {"city": "Kyoto"})
        await write(backend, ANNA, b'{"city":"Kyoto"}', durable)
        await nothing_comes(anna)
        await backend.show(ANNA, 1, name="new")
        update = await receive(anna)
        assert update["d"]["profile"]["username"] == "new"
        assert kv_of(update) == {"city": "Kyoto"}
        await write(backend, ANNA, b"{}", durable)
        assert kv_of(await receive(anna)) == {}
        await nothing_comes(bert)


async def test_a_new_client_gets_it(backend: Backend) -> None:
    await backend.show(ANNA, 1)
    await write(backend, ANNA, b'{"a":"1"}', DurableKv(backend.store))
    async with backend.serving() as ws:
        await first_shows(ws, {"a": "1"})


async def first_shows(ws: RunningServer, kv: dict[str, str]) -> None:
    async with ws.client(ANNA) as client:
        frame = await receive(client)
        assert (frame["op"], kv_of(frame)) == ("initial_data", kv)


async def test_without_a_copy_the_durable_redis_is_read(backend: Backend) -> None:
    """As after the presence Redis was emptied. ws writes nothing."""
    await backend.show(ANNA, 1)
    await DurableKv(backend.store).replace(ANNA, NEVER, b'{"a":"1"}')
    async with backend.serving() as ws:
        await first_shows(ws, {"a": "1"})
        snapshot = await backend.store.load(ANNA)
        assert snapshot is not None
        assert snapshot.kv is None


async def test_the_durable_redis_is_away(
    backend: Backend, own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New clients get an empty store at once, and the true one when it is back."""
    monkeypatch.setattr(kv_copies, "READ_TIMEOUT_S", 0.2)
    await backend.show(ANNA, 1)
    async with backend.durable_at(own_redis.url) as durable:
        await durable.replace(ANNA, NEVER, b'{"a":"1"}')
        await own_redis.pause()
        async with backend.serving() as ws, ws.client(ANNA) as client:
            assert kv_of(await receive(client)) == {}
            await own_redis.resume()
            update = await receive(client)
            assert (update["op"], kv_of(update)) == ("profile_update", {"a": "1"})
