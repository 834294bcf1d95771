"""Foreign data in Redis: no client sees it, and no update is lost because of it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from itertools import count

import pytest
from hypothesis import given
from websockets.asyncio.client import ClientConnection, connect

from shared.redis import completeness, keys, shard_record
from shared.redis.store import SnapshotDamaged, StoreUnavailable
from testing.eventually import eventually
from testing.logged import own_records
from tests.garbage import NO_JSON_OBJECT, NO_VERSION, hashes, messages
from tests.generation import mark_complete
from tests.ws.ws_fixture import (
    ANNA,
    BERT,
    Backend,
    RunningServer,
    number_of,
    receive,
    until_closed,
)

versions = count(10)


class Watched:
    """Anna, and a client that is subscribed to her."""

    def __init__(self, backend: Backend, ws: RunningServer, client: ClientConnection) -> None:
        self.backend = backend
        self.ws = ws
        self.client = client

    async def next_is_real(self) -> None:
        """The next frame is the gateway's next update."""
        number = next(versions)
        await self.backend.show(ANNA, number)
        assert number_of(await receive(self.client)) == number


@pytest.fixture
async def anna(backend: Backend) -> AsyncIterator[Watched]:
    await backend.show(ANNA, 1)
    async with backend.serving() as ws, ws.client(ANNA) as client:
        await receive(client)
        yield Watched(backend, ws, client)


@given(message=messages)
async def test_a_garbage_message(anna: Watched, message: bytes) -> None:
    """It is counted and skipped, and the next update arrives."""
    before = anna.ws.hub.unreadable
    await anna.backend.store.redis.publish(keys.presence(ANNA), message)
    await anna.next_is_real()
    assert anna.ws.hub.unreadable == before + 1
    assert anna.ws.hub.connected


async def test_many_garbage_messages_are_one_line(
    anna: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    """The log has one line about it, without its content."""
    pipe = anna.backend.store.redis.pipeline(transaction=False)
    for number in range(500):
        pipe.publish(keys.presence(ANNA), b'{"version":%d,"presence":"hunter2\n"}' % number)
    await pipe.execute()
    await anna.next_is_real()
    assert anna.ws.hub.unreadable == 500
    warnings = [one for one in own_records(caplog) if one.levelno >= logging.WARNING]
    assert len(warnings) == 1
    assert "hunter2" not in warnings[0].getMessage()


async def test_a_huge_message(anna: Watched) -> None:
    """Sixteen megabytes of nothing."""
    for message in (b"x" * 2**24, b'{"version":1,"presence":{"a":"%b\xff"}}' % (b"x" * 2**24)):
        await anna.backend.store.redis.publish(keys.presence(ANNA), message)
    await anna.next_is_real()


@given(garbage=hashes)
async def test_a_garbage_hash(backend: Backend, garbage: dict[str, bytes]) -> None:
    """New clients get `unavailable` or a valid state, others are served, and a save repairs it."""
    redis = backend.store.redis
    await redis.flushall()
    await backend.show(BERT, 1)
    await backend.show(ANNA, 1)
    await redis.hset(keys.presence(ANNA), items=[part for pair in garbage.items() for part in pair])
    async with backend.serving() as ws, ws.client(BERT) as bert:
        await receive(bert)
        async with ws.client(ANNA) as client:
            if (frame := await receive(client))["op"] == "error":
                assert frame["d"]["code"] == "unavailable"
                assert (await until_closed(client))[1] == 1013
                assert ws.hub.unreadable == 1
        await backend.show(BERT, 2)
        assert number_of(await receive(bert)) == 2


@pytest.mark.parametrize("field", ["version", "profile", "presence"])
@pytest.mark.parametrize("garbage", [b"", b"x", b"\xff" * 20, b"9" * 30])
async def test_a_save_repairs_the_hash(backend: Backend, field: str, garbage: bytes) -> None:
    """Other users are served, and the user's next save is shown with a newer version."""
    await backend.show(ANNA, 1)
    await backend.show(BERT, 1)
    await backend.store.redis.hset(keys.presence(ANNA), field, garbage)
    async with backend.serving() as ws, ws.client(BERT) as bert:
        assert number_of(await receive(bert)) == 1
        async with ws.client(ANNA) as client:
            frames, code = await until_closed(client)
            assert (frames[0]["d"]["code"], code) == ("unavailable", 1013)
        await backend.show(BERT, 2)
        assert number_of(await receive(bert)) == 2
        async with ws.client(BERT) as newcomer:
            assert number_of(await receive(newcomer)) == 2
        await backend.show(ANNA, 1)
        async with ws.client(ANNA) as client:
            first = await receive(client)
            assert first["op"] == "initial_data", first
            assert number_of(first) == 1
            await backend.show(ANNA, 2)
            assert number_of(await receive(client)) == 2


async def test_a_key_that_is_no_hash(backend: Backend) -> None:
    """One key of another type affects no other user, and the next save replaces it."""
    await backend.show(BERT, 1)
    await backend.store.redis.set(keys.presence(ANNA), "no hash")
    async with backend.serving() as ws:
        async with connect(ws.url(ANNA, BERT)) as both:
            assert (await until_closed(both))[1] == 1013
        async with ws.client(BERT) as bert:
            assert number_of(await receive(bert)) == 1
        await backend.show(ANNA, 3)
        async with ws.client(ANNA) as client:
            assert number_of(await receive(client)) == 3


@pytest.mark.parametrize("name", [keys.USERS, keys.GUILDS, keys.guilds(ANNA)])
async def test_a_set_that_is_none(backend: Backend, name: str) -> None:
    """The gateway's save replaces what is in its place."""
    await backend.store.redis.set(name, "no set")
    await backend.show(ANNA, 1)
    assert await backend.store.load(ANNA) is not None
    assert await backend.store.redis.type(name) == b"set"


async def test_ids_that_are_none(backend: Backend) -> None:
    """Members of a roster that are not ids end no sweep."""
    await backend.show(ANNA, 1)
    garbage = ["", "x", "-1", "1.5", "9" * 5000, "²"]
    await backend.store.redis.sadd(keys.members(7), *garbage, ANNA)
    await backend.store.redis.sadd(keys.GUILDS, *garbage, 7)
    found = [one async for batch in backend.store.members(7) for one in batch]
    assert found == [ANNA]
    assert 7 in await backend.store.guilds()


@pytest.mark.parametrize(
    ("field", "garbage"),
    [("version", one) for one in NO_VERSION] + [("presence", one) for one in NO_JSON_OBJECT],
)
async def test_garbage_is_never_a_snapshot(backend: Backend, field: str, garbage: bytes) -> None:
    """A reader gets SnapshotDamaged."""
    await backend.show(ANNA, 1)
    await backend.store.redis.hset(keys.presence(ANNA), field, garbage)
    [found] = await backend.store.load_many([ANNA])
    assert isinstance(found, SnapshotDamaged)


async def test_a_client_never_waits_for_a_damaged_user(backend: Backend) -> None:
    """The loader does not spin on a user whose hash stays damaged."""
    await backend.show(ANNA, 1)
    async with backend.serving() as ws, ws.client(ANNA) as client:
        await receive(client)
        await backend.store.redis.hset(keys.presence(ANNA), "presence", "x")
        await backend.store.announce_resync()
        await eventually(lambda: ws.hub.unreadable == 1)
        await backend.show(ANNA, 2)
        assert number_of(await receive(client)) == 2
        assert ws.hub.unreadable == 1


@pytest.mark.parametrize("value", [b"", b"\xff\xfe", b" ", b"x" * 5000])
async def test_garbage_in_the_record_of_a_shard(backend: Backend, value: bytes) -> None:
    """No user counts as absent because of it, and the gateway starts over."""
    await mark_complete(backend.store)
    await backend.store.redis.hset(keys.shard(0, 1), "generation", value)
    assert await completeness.absent(backend.store, [ANNA]) == set()
    await backend.store.redis.set(keys.SHARDS, value)
    assert await completeness.absent(backend.store, [ANNA]) == set()
    await mark_complete(backend.store)
    assert await completeness.absent(backend.store, [ANNA]) == {ANNA}


async def test_a_key_of_another_kind_in_place_of_a_record(backend: Backend) -> None:
    await shard_record.announce_count(backend.store, 1)
    await backend.store.redis.set(keys.shard(0, 1), "no hash")
    with pytest.raises(StoreUnavailable):
        await completeness.absent(backend.store, [ANNA])
    await mark_complete(backend.store)
    assert await completeness.absent(backend.store, [ANNA]) == {ANNA}
