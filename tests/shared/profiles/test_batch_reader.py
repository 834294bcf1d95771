"""What a read returns, and what it costs Redis."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
import pytest
from redis.exceptions import RedisClusterException

from shared.model.profile_extras import ProfileExtras
from shared.profiles import batch_reader
from shared.profiles.batch_reader import UNREADABLE, BatchReader
from shared.profiles.cache import FAILURE_TTL_S, Entry
from shared.redis import keys, profile_entries
from shared.redis.connections import Command, PackedConnection
from shared.redis.store import Fields, Save, SnapshotDamaged, Store, StoreUnavailable
from shared.telemetry.metrics import total
from testing.eventually import PATIENCE, eventually

TTL = 300
USERS = [1274150219482660897 + n for n in range(250)]
EXTRAS = ProfileExtras(bio="Hello")


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[Store]:
    async with Store.connect(redis_url, timeout=PATIENCE) as store:
        fields = Fields(b'{"id":"1"}', b'{"status":"idle"}', b"{}")
        await store.save([Save(user_id, fields, joined=(1,)) for user_id in USERS])
        yield store


async def test_many_users_at_once(store: Store) -> None:
    """Each reader gets its user; an unknown one gives None; the same user is read once."""
    reads = BatchReader(store, TTL, with_extras=False)
    await store.redis.config_resetstat()
    asked = [*USERS, 5, *USERS, USERS[0]]
    found = await asyncio.gather(*map(reads.read, asked))
    assert [read is not None for read in found] == [user_id != 5 for user_id in asked]
    calls = (await store.redis.info("commandstats"))["cmdstat_hmget"]["calls"]
    assert calls == len(USERS) + 1


async def test_one_that_is_broken_harms_no_other(store: Store) -> None:
    """It is counted, and the others are answered."""
    await store.redis.set(keys.presence(5), "no hash")
    before = total(UNREADABLE)
    reads = BatchReader(store, TTL, with_extras=True)
    broken, well = await asyncio.gather(reads.read(5), reads.read(USERS[0]), return_exceptions=True)
    assert isinstance(broken, SnapshotDamaged)
    assert total(UNREADABLE) == before + 1
    assert well is not None
    assert not isinstance(well, BaseException)


async def test_without_redis() -> None:
    async with Store.connect("redis://127.0.0.1:1") as nowhere:
        reads = BatchReader(nowhere, TTL, with_extras=True)
        found = await asyncio.gather(*map(reads.read, USERS), return_exceptions=True)
    assert {type(error) for error in found} == {StoreUnavailable}


@pytest.mark.parametrize(
    ("entry", "left", "extras", "ask", "good_for"),
    [
        (None, 0, None, True, FAILURE_TTL_S),
        (msgspec.json.encode(Entry(EXTRAS)), 300, EXTRAS, False, 240),
        (msgspec.json.encode(Entry(EXTRAS)), 59, EXTRAS, True, FAILURE_TTL_S),
        (msgspec.json.encode(Entry(EXTRAS)), 5, EXTRAS, True, 5),
        (msgspec.json.encode(Entry(None)), 15, None, False, FAILURE_TTL_S),
        (b"of another version", 200, None, False, FAILURE_TTL_S),
    ],
)
async def test_how_long_facts_are_good(
    store: Store,
    entry: bytes | None,
    left: int,
    extras: ProfileExtras | None,
    ask: bool,
    good_for: int,
) -> None:
    """Until they are to be refreshed, and not longer than the entry is in Redis."""
    if entry is not None:
        await store.redis.set(keys.profile(USERS[0]), entry, ex=left)
    before = time.monotonic()
    read = await BatchReader(store, TTL, with_extras=True).read(USERS[0])
    after = time.monotonic()
    assert read is not None
    assert (read.extras, read.ask) == (extras, ask)
    assert before + good_for - 1 < read.good_until <= after + good_for


async def test_nothing_is_read_of_a_source_that_is_off(store: Store) -> None:
    await store.redis.set(keys.profile(USERS[0]), msgspec.json.encode(Entry(EXTRAS)), ex=300)
    read = await BatchReader(store, TTL, with_extras=False).read(USERS[0])
    assert read is not None
    assert (read.extras, read.ask, read.good_until) == (None, False, float("inf"))


class Gate:
    """Holds round trips to Redis back, while it is closed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun: list[int] = []  # with so many commands
        self.open = asyncio.Event()
        original = PackedConnection.exchange

        async def exchange(connection: PackedConnection, commands: Sequence[Command]) -> list[Any]:
            self.begun.append(len(commands))
            await self.open.wait()
            return await original(connection, commands)

        monkeypatch.setattr(PackedConnection, "exchange", exchange)


async def test_while_a_batch_is_on_its_way_the_next_one_grows(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that come in several turns of the loop go in one round trip when it has returned."""
    monkeypatch.setattr(batch_reader, "_MAX_WAIT_S", PATIENCE)
    gate = Gate(monkeypatch)
    reads = BatchReader(store, TTL, with_extras=False)
    under_way = [asyncio.create_task(reads.read(USERS[0]))]
    await eventually(lambda: gate.begun == [1])
    for user_id in USERS[:5]:
        under_way.append(asyncio.create_task(reads.read(user_id)))
        await asyncio.sleep(0)
    gate.open.set()
    assert None not in await asyncio.gather(*under_way)
    assert gate.begun == [1, 5]


async def test_a_slow_redis_is_not_waited_for_twice(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next batch is sent after a moment, although the one before has not returned."""
    gate = Gate(monkeypatch)
    reads = BatchReader(store, TTL, with_extras=False)
    first = asyncio.create_task(reads.read(USERS[0]))
    await eventually(lambda: gate.begun == [1])
    second = asyncio.create_task(reads.read(USERS[1]))
    await eventually(lambda: gate.begun == [1, 1])
    gate.open.set()
    assert None not in await asyncio.gather(first, second)


async def test_after_a_failure_the_next_batch_is_sent(
    store: Store, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one before will not return."""
    monkeypatch.setattr(batch_reader, "_MAX_WAIT_S", PATIENCE)
    gate = Gate(monkeypatch)
    async with Store.connect(redis_url, timeout=PATIENCE) as own:
        await own.ping()  # a connection is there
        own._timeout = 0.5
        reads = BatchReader(own, TTL, with_extras=False)
        first = asyncio.create_task(reads.read(USERS[0]))
        await eventually(lambda: gate.begun == [1])
        second = asyncio.create_task(reads.read(USERS[1]))
        with pytest.raises(StoreUnavailable):
            await first
        own._timeout = PATIENCE
        gate.open.set()
        assert await second is not None


async def test_what_fails_after_a_read_harms_no_other(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged."""
    reads = BatchReader(store, TTL, with_extras=False)

    def fail(_result: object) -> None:
        raise RuntimeError

    reads.begin(USERS[0], fail)
    assert await reads.read(USERS[0]) is not None
    assert "unhandled exception after the read of a user" in caplog.text


async def test_no_node_of_a_cluster_has_the_slot(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """redis-py's error for that is no RedisError. It is a reply like any other."""

    async def read(_: object, commands: Sequence[Command]) -> list[Any]:
        return [RedisClusterException("no node covers it") for _ in commands]

    monkeypatch.setattr(profile_entries, "read", read)
    for with_extras in (True, False):
        with pytest.raises(StoreUnavailable, match="RedisClusterException"):
            await BatchReader(store, TTL, with_extras=with_extras).read(USERS[0])
