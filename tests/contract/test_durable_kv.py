"""Key-value stores in the durable Redis, and their copies beside the presence."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from shared.redis import keys, kv_copies
from shared.redis.api_keys import ApiKeys, digest_of
from shared.redis.durable import DUE_AT_ONCE, DurableKv, DurableUnavailable, KeyEnded, StoredKv
from shared.redis.kv_copies import KvCopies, KvReader, SnapshotsWithKv
from shared.redis.store import Fields, Save, Store
from shared.startup.background import background
from testing.eventually import PATIENCE, eventually_async
from testing.logged import own_lines
from testing.redis_server import RedisServer

USER, GUILD = 1274150219482660897, 1112920281367973900
NEVER = StoredKv(0, b"{}")
FIELDS = Fields(b'{"id":"1"}', b'{"status":"1"}', b"{}")


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may need longer than a reader waits."""
    monkeypatch.setattr(kv_copies, "READ_TIMEOUT_S", PATIENCE)


@pytest.fixture
async def durable(durable_redis: RedisServer) -> AsyncIterator[DurableKv]:
    async with Store.connect(durable_redis.url, timeout=PATIENCE) as store:
        yield DurableKv(store)


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[Store]:
    async with Store.connect(redis_url, timeout=PATIENCE) as store:
        yield store


def copies_of(store: Store, durable: DurableKv) -> KvCopies:
    return KvCopies(store, durable, KvReader(durable))


async def shown(store: Store) -> bytes | None:
    snapshot = await store.load(USER)
    return None if snapshot is None else snapshot.kv


async def test_a_write_needs_the_newest_revision(durable: DurableKv) -> None:
    """Of two that read the same store, one is told to read again."""
    assert await durable.load(USER) == NEVER
    first = await durable.replace(USER, NEVER, b'{"a":"1"}')
    assert first is not None
    assert await durable.replace(USER, NEVER, b'{"a":"2"}') is None
    assert await durable.load(USER) == first
    second = await durable.replace(USER, first, b"{}")
    assert second is not None
    assert second.revision > first.revision


async def test_a_copy_is_published(store: Store, durable: DurableKv) -> None:
    """With a new version; an older one, or the same again, changes nothing."""
    copies = copies_of(store, durable)
    await store.save([Save(USER, FIELDS, joined=(GUILD,))])
    assert await shown(store) is None
    async with store.redis.pubsub() as pubsub:
        await pubsub.subscribe(keys.presence(USER))
        await pubsub.get_message(timeout=PATIENCE)
        await copies.copy(USER, StoredKv(7, b'{"a":"1"}'))
        await copies.copy(USER, StoredKv(7, b'{"a":"1"}'))
        await copies.copy(USER, StoredKv(6, b'{"a":"0"}'))
        await copies.copy(USER, StoredKv(8, b"{}"))
        snapshot = await store.load(USER)
        assert snapshot is not None
        said = [await pubsub.get_message(timeout=PATIENCE) for _ in range(2)]
        assert await pubsub.get_message(timeout=0.05) is None
    assert said[0]["data"].endswith(b',"kv":{"a":"1"}}')
    assert said[1]["data"] == b'{"version":%d,"kv":{}}' % snapshot.version
    assert snapshot.kv == b"{}"


async def test_saves_of_the_gateway_keep_the_copy(store: Store, durable: DurableKv) -> None:
    await store.save([Save(USER, FIELDS, joined=(GUILD,))])
    await copies_of(store, durable).copy(USER, StoredKv(7, b'{"a":"1"}'))
    await store.save([Save(USER, Fields(b"", b'{"status":"2"}', b"{}"))])
    assert await shown(store) == b'{"a":"1"}'


async def test_a_user_who_is_not_monitored_has_no_copy(store: Store, durable: DurableKv) -> None:
    """Their store stays. When they come back, readers fill the copy in."""
    copies = copies_of(store, durable)
    stored = await durable.replace(USER, NEVER, b'{"a":"1"}')
    assert stored is not None
    await copies.copy(USER, stored)
    assert await store.redis.exists(keys.presence(USER)) == 0
    await store.save([Save(USER, FIELDS, joined=(GUILD,))])
    [snapshot] = await SnapshotsWithKv(store, KvReader(durable)).load_many([USER])
    assert snapshot is not None
    assert not isinstance(snapshot, Exception)
    assert snapshot.kv == b'{"a":"1"}'
    assert await copies.fill([USER]) == {USER: b'{"a":"1"}'}
    assert await shown(store) == b'{"a":"1"}'


async def test_an_older_copy_cannot_arrive_late(store: Store, durable: DurableKv) -> None:
    """A newer one was refused because the user was not there yet; then the user came."""
    copies = copies_of(store, durable)
    await copies.copy(USER, StoredKv(9, b'{"a":"9"}'))
    await store.save([Save(USER, FIELDS, joined=(GUILD,))])
    await copies.copy(USER, StoredKv(8, b'{"a":"8"}'))
    assert await shown(store) is None


async def test_the_durable_redis_is_away(
    store: Store,
    durable: DurableKv,
    durable_redis: RedisServer,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Readers get an empty store without waiting each time, and the true one afterwards."""
    monkeypatch.setattr(kv_copies, "READ_TIMEOUT_S", 0.2)
    stored = await durable.replace(USER, NEVER, b'{"a":"1"}')
    assert stored is not None
    await store.save([Save(USER, FIELDS, joined=(GUILD,))])
    await durable_redis.pause()
    async with Store.connect(durable_redis.url) as connected:
        away = DurableKv(connected)
        reader = KvReader(away)
        copies = KvCopies(store, away, reader)
        assert await copies.fill([USER]) == {}
        assert await copies.fill([USER]) == {}
        assert len(own_lines(caplog)) == 1, "it was asked once"
        assert reader.recovered() == []
        with pytest.raises(DurableUnavailable):
            await away.load(USER)
        await durable_redis.resume()
        async with background(reader.run(), copies.run()):

            async def copied() -> bool:
                return await shown(store) == b'{"a":"1"}'

            await eventually_async(copied)


async def test_a_writer_that_failed_before_the_copy(store: Store, durable: DurableKv) -> None:
    """Its note brings readers what it wrote; then the note is gone."""
    await store.save([Save(USER, FIELDS, joined=(GUILD,))])
    await durable.replace(USER, NEVER, b'{"a":"1"}')
    ((user_id, at_ms),) = await durable.noted(time.time_ns() // 1_000_000, 10)
    assert user_id == USER
    await durable.note([USER], DUE_AT_ONCE)
    await durable.done(USER, DUE_AT_ONCE - 1)
    async with background(copies_of(store, durable).run()):

        async def settled() -> bool:
            return await durable.noted(at_ms, 10) == []

        await eventually_async(settled)
    assert await shown(store) == b'{"a":"1"}'


async def test_many_writers_lose_nothing(durable: DurableKv) -> None:
    """Each reads, changes and writes until nothing came between."""

    async def add(number: int) -> None:
        while True:
            known = await durable.load(USER)
            kv = known.kv[:-1] + (b"," if known.revision else b"") + b'"k%d":""}' % number
            if await durable.replace(USER, known, kv):
                return

    await asyncio.gather(*(add(number) for number in range(10)))
    assert (await durable.load(USER)).kv.count(b"k") == 10


async def test_damaged_stores_count_as_empty(durable: DurableKv) -> None:
    """Other software has written there; the next write repairs it."""
    redis = durable._durable.redis
    await redis.hset(keys.durable_kv(USER), mapping={"revision": "x", "kv": "[1]"})
    assert await durable.load(USER) == NEVER
    assert await durable.replace(USER, NEVER, b"{}") is not None


async def test_a_write_needs_the_key_that_is_the_users(
    durable: DurableKv, durable_redis: RedisServer
) -> None:
    """It may have ended since the key was looked at: then nothing is written."""
    async with Store.connect(durable_redis.url, timeout=PATIENCE) as store:
        api_keys = ApiKeys(store)
        key = digest_of((await api_keys.create(USER)).encode())
        first = await durable.replace(USER, NEVER, b'{"a":"1"}', digest=key)
        assert first is not None
        await api_keys.delete(USER)
        with pytest.raises(KeyEnded):
            await durable.replace(USER, first, b"{}", digest=key)
        await api_keys.create(USER)
        with pytest.raises(KeyEnded):
            await durable.replace(USER, first, b"{}", digest=key)
        assert await durable.load(USER) == first
