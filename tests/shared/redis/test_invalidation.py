"""The changes that Redis reports, over a real Redis."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from shared.redis import keys
from shared.redis.factory import track
from shared.redis.store import Fields, Save, Store
from testing.eventually import PATIENCE, eventually
from testing.logged import own_lines, own_records

ROBIN = 1274150219482660897


class Recorder:
    """An InvalidationHandler that records everything, in order."""

    def __init__(self) -> None:
        self.confirmations = 0
        self.events: list[int | str] = []

    def confirmed(self, until: float) -> None:
        self.confirmations += 1

    def changed(self, user_id: int) -> None:
        self.events.append(user_id)

    def flushed(self) -> None:
        self.events.append("flushed")

    def on_disconnect(self) -> None:
        self.events.append("disconnect")


@pytest.fixture
async def recorder(redis_url: str) -> AsyncIterator[Recorder]:
    recorder = Recorder()
    async with track(redis_url, recorder):
        await eventually(lambda: recorder.confirmations)
        yield recorder


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[Store]:
    async with Store.connect(redis_url, timeout=PATIENCE) as store:
        yield store


async def test_saves_and_removals_are_reported(recorder: Recorder, store: Store) -> None:
    fields = Fields(b"{}", b"{}", b"{}")
    await store.save([Save(ROBIN, fields, joined=(1,))])
    await eventually(lambda: ROBIN in recorder.events)
    recorder.events.clear()
    await store.save([Save(ROBIN, left=(1,))])
    await eventually(lambda: ROBIN in recorder.events)


async def test_profile_entries_that_expire_are_reported(recorder: Recorder, store: Store) -> None:
    await store.redis.set(keys.profile(ROBIN), "x", px=20)
    await eventually(lambda: recorder.events.count(ROBIN) == 2)


async def test_other_keys_are_not_reported(recorder: Recorder, store: Store) -> None:
    await store.redis.set(keys.profile_lock(ROBIN), "x")
    await store.redis.sadd(keys.guilds(ROBIN), 1)
    await store.redis.set("presence:{robin}", "x")  # not an id
    await store.redis.set(keys.profile(ROBIN), "x")
    await eventually(lambda: recorder.events == [ROBIN])


async def test_a_flush_is_reported(recorder: Recorder, store: Store) -> None:
    await store.redis.set(keys.profile(ROBIN), "x")
    await store.redis.flushall()
    await eventually(lambda: "flushed" in recorder.events)


async def test_a_lost_connection_is_reported(
    recorder: Recorder, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """Once, with one line in the log; then changes are reported again."""
    await store.redis.client_kill_filter(_type="pubsub")
    await eventually(lambda: recorder.events == ["disconnect"])
    recorder.confirmations = 0
    await eventually(lambda: recorder.confirmations)
    await store.redis.set(keys.profile(ROBIN), "x")
    await eventually(lambda: recorder.events == ["disconnect", ROBIN])
    assert [record.levelno for record in own_records(caplog)] == [logging.WARNING]


async def test_a_redis_that_refuses(redis_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """One line in the log, however often it is tried; it is used as soon as it is allowed."""
    recorder = Recorder()
    async with Redis.from_url(redis_url) as redis:
        await redis.acl_setuser(
            "reader", enabled=True, passwords=["+secret"], categories=["+@all"], keys=["*"],
            channels=["*"], commands=["-client"],
        )  # fmt: skip
        try:
            async with track(redis_url.replace("//", "//reader:secret@"), recorder):
                await eventually(lambda: len(recorder.events) > 1)
                assert recorder.confirmations == 0
                await redis.acl_setuser("reader", enabled=True, categories=["+@all"])
                await eventually(lambda: recorder.confirmations)
        finally:
            await redis.acl_deluser("reader")
    [line] = own_lines(caplog)
    assert "refuses" in line
    assert "secret" not in caplog.text
