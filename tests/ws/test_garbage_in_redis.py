"""Somebody else writes into our Redis: no client sees it, and no update is lost for it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from itertools import count

import pytest
from hypothesis import given
from websockets.asyncio.client import ClientConnection, connect

from shared.redis import completeness, keys
from shared.redis.store import SnapshotDamaged, StoreUnavailable
from tests.garbage import NO_JSON_OBJECT, NO_VERSION, hashes, messages
from tests.ws.ws_fixture import ANNA, BERT, Room, Serving, number_of, receive, until, until_closed

versions = count(10)


class Watched:
    """Anna, and a client who subscriptions her."""

    def __init__(self, room: Room, ws: Serving, client: ClientConnection) -> None:
        self.room = room
        self.ws = ws
        self.client = client

    async def next_is_real(self) -> None:
        """The next frame is the gateway's next update."""
        number = next(versions)
        await self.room.show(ANNA, number)
        assert number_of(await receive(self.client)) == number


@pytest.fixture
async def anna(room: Room) -> AsyncIterator[Watched]:
    await room.show(ANNA, 1)
    async with room.serving() as ws, ws.client(ANNA) as client:
        await receive(client)
        yield Watched(room, ws, client)


@given(message=messages)
async def test_a_garbage_message(anna: Watched, message: bytes) -> None:
    """It is counted and left out, and the next update arrives."""
    before = anna.ws.hub.unreadable
    await anna.room.store.redis.publish(keys.presence(ANNA), message)
    await anna.next_is_real()
    assert anna.ws.hub.unreadable == before + 1
    assert anna.ws.hub.standing


async def test_a_crowd_of_garbage_is_one_line(
    anna: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    """The log tells of it without repeating it, and cannot be filled with it."""
    pipe = anna.room.store.redis.pipeline(transaction=False)
    for number in range(500):
        pipe.publish(keys.presence(ANNA), b'{"version":%d,"presence":"hunter2\n"}' % number)
    await pipe.execute()
    await anna.next_is_real()
    assert anna.ws.hub.unreadable == 500
    warnings = [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING]
    assert len(warnings) == 1
    assert "hunter2" not in warnings[0]


async def test_a_huge_message(anna: Watched) -> None:
    """Sixteen megabytes of nothing."""
    for message in (b"x" * 2**24, b'{"version":1,"presence":{"a":"%b\xff"}}' % (b"x" * 2**24)):
        await anna.room.store.redis.publish(keys.presence(ANNA), message)
    await anna.next_is_real()


@given(garbage=hashes)
async def test_a_garbage_hash(room: Room, garbage: dict[str, bytes]) -> None:
    """Its newcomers hear `unavailable` or what makes sense; others are served; a save mends it."""
    redis = room.store.redis
    await redis.flushall()
    await room.show(BERT, 1)
    await room.show(ANNA, 1)
    await redis.hset(keys.presence(ANNA), items=[part for pair in garbage.items() for part in pair])
    async with room.serving() as ws, ws.client(BERT) as bert:
        await receive(bert)
        async with ws.client(ANNA) as client:
            if (frame := await receive(client))["op"] == "error":
                assert frame["d"]["code"] == "unavailable"
                assert (await until_closed(client))[1] == 1013
                assert ws.hub.unreadable == 1
        await room.show(BERT, 2)
        assert number_of(await receive(bert)) == 2


@pytest.mark.parametrize("field", ["version", "profile", "presence"])
@pytest.mark.parametrize("garbage", [b"", b"x", b"\xff" * 20, b"9" * 30])
async def test_a_save_mends_the_hash(room: Room, field: str, garbage: bytes) -> None:
    """Others are served; the user's next save is shown, and versions go on as they should."""
    await room.show(ANNA, 1)
    await room.show(BERT, 1)
    await room.store.redis.hset(keys.presence(ANNA), field, garbage)
    async with room.serving() as ws, ws.client(BERT) as bert:
        assert number_of(await receive(bert)) == 1
        async with ws.client(ANNA) as client:
            frames, code = await until_closed(client)
            assert (frames[0]["d"]["code"], code) == ("unavailable", 1013)
        await room.show(BERT, 2)
        assert number_of(await receive(bert)) == 2
        async with ws.client(BERT) as newcomer:
            assert number_of(await receive(newcomer)) == 2
        await room.show(ANNA, 1)
        async with ws.client(ANNA) as client:
            first = await receive(client)
            assert first["op"] == "initial_data", first
            assert number_of(first) == 1
            await room.show(ANNA, 2)
            assert number_of(await receive(client)) == 2


async def test_a_key_that_is_no_hash(room: Room) -> None:
    """One poisoned key costs nobody else anything, and the next save takes its place."""
    await room.show(BERT, 1)
    await room.store.redis.set(keys.presence(ANNA), "no hash")
    async with room.serving() as ws:
        async with connect(ws.url(ANNA, BERT)) as both:
            assert (await until_closed(both))[1] == 1013
        async with ws.client(BERT) as bert:
            assert number_of(await receive(bert)) == 1
        await room.show(ANNA, 3)
        async with ws.client(ANNA) as client:
            assert number_of(await receive(client)) == 3


@pytest.mark.parametrize("name", [keys.USERS, keys.GUILDS, keys.guilds(ANNA)])
async def test_a_set_that_is_none(room: Room, name: str) -> None:
    """The gateway's save clears what stands in its way."""
    await room.store.redis.set(name, "no set")
    await room.show(ANNA, 1)
    assert await room.store.load(ANNA) is not None
    assert await room.store.redis.type(name) == b"set"


async def test_ids_that_are_none(room: Room) -> None:
    """Members of a roster that are no ids end no sweep."""
    await room.show(ANNA, 1)
    garbage = ["", "x", "-1", "1.5", "9" * 5000, "²"]
    await room.store.redis.sadd(keys.members(7), *garbage, ANNA)
    await room.store.redis.sadd(keys.GUILDS, *garbage, 7)
    found = [one async for batch in room.store.members(7) for one in batch]
    assert found == [ANNA]
    assert 7 in await room.store.guilds()


@pytest.mark.parametrize(
    ("field", "garbage"),
    [("version", one) for one in NO_VERSION] + [("presence", one) for one in NO_JSON_OBJECT],
)
async def test_garbage_is_never_a_snapshot(room: Room, field: str, garbage: bytes) -> None:
    """Whoever loads it is told that it is damaged."""
    await room.show(ANNA, 1)
    await room.store.redis.hset(keys.presence(ANNA), field, garbage)
    [found] = await room.store.load_many([ANNA])
    assert isinstance(found, SnapshotDamaged)


async def test_a_client_never_waits_for_a_damaged_user(room: Room) -> None:
    """The loader does not spin on a user whose hash stays damaged."""
    await room.show(ANNA, 1)
    async with room.serving() as ws, ws.client(ANNA) as client:
        await receive(client)
        await room.store.redis.hset(keys.presence(ANNA), "presence", "x")
        await room.store.announce()
        await until(lambda: ws.hub.unreadable == 1)
        await room.show(ANNA, 2)
        assert number_of(await receive(client)) == 2
        assert ws.hub.unreadable == 1


@pytest.mark.parametrize("value", [b"", b"\xff\xfe", b" ", b"x" * 5000])
async def test_garbage_where_the_gateway_vouches(room: Room, value: bytes) -> None:
    """Nobody is taken for gone by it, and the gateway begins anew."""
    await room.store.redis.hset(keys.WHOLE, "0/1", value)
    assert await completeness.gone(room.store, [ANNA]) == set()
    epoch, _ = await completeness.epoch(room.store, 0, 1)
    assert await completeness.vouch(room.store, 0, 1, epoch)
    assert await completeness.gone(room.store, [ANNA]) == {ANNA}


async def test_a_key_of_another_kind_where_the_gateway_vouches(room: Room) -> None:
    await room.store.redis.set(keys.WHOLE, "no hash")
    with pytest.raises(StoreUnavailable):
        await completeness.gone(room.store, [ANNA])
    epoch, begun = await completeness.epoch(room.store, 0, 1)
    assert begun
    assert await completeness.vouch(room.store, 0, 1, epoch)
