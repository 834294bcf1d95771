"""Which changes Redis tells, over a real Redis."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from shared.redis import keys
from shared.redis.factory import track
from shared.redis.store import Fields, Save, Store
from testing.eventually import PATIENCE, eventually

ROBIN = 1274150219482660897


class Told:
    """Everything that was said, in order."""

    def __init__(self) -> None:
        self.proofs = 0
        self.news: list[int | str] = []

    def proved(self, until: float) -> None:
        self.proofs += 1

    def changed(self, user_id: int) -> None:
        self.news.append(user_id)

    def flushed(self) -> None:
        self.news.append("flushed")

    def cut(self) -> None:
        self.news.append("cut")


@pytest.fixture
async def told(redis_url: str) -> AsyncIterator[Told]:
    told = Told()
    async with track(redis_url, told):
        await eventually(lambda: told.proofs)
        yield told


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[Store]:
    async with Store.connect(redis_url, timeout=PATIENCE) as store:
        yield store


async def test_saves_and_removals_are_told(told: Told, store: Store) -> None:
    fields = Fields(b"{}", b"{}", b"{}")
    await store.save([Save(ROBIN, fields, joined=(1,))])
    await eventually(lambda: ROBIN in told.news)
    told.news.clear()
    await store.save([Save(ROBIN, left=(1,))])
    await eventually(lambda: ROBIN in told.news)


async def test_facts_that_expire_are_told(told: Told, store: Store) -> None:
    await store.redis.set(keys.profile(ROBIN), "x", px=20)
    await eventually(lambda: told.news.count(ROBIN) == 2)


async def test_other_keys_are_not_told(told: Told, store: Store) -> None:
    await store.redis.set(keys.profile_lock(ROBIN), "x")
    await store.redis.sadd(keys.guilds(ROBIN), 1)
    await store.redis.set("presence:{robin}", "x")  # nobody's
    await store.redis.set(keys.profile(ROBIN), "x")
    await eventually(lambda: told.news == [ROBIN])


async def test_a_flush_is_told(told: Told, store: Store) -> None:
    await store.redis.set(keys.profile(ROBIN), "x")
    await store.redis.flushall()
    await eventually(lambda: "flushed" in told.news)


async def test_a_cut_is_told(told: Told, store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """Once, with one line in the log; then it stands again and tells."""
    await store.redis.client_kill_filter(_type="pubsub")
    await eventually(lambda: told.news == ["cut"])
    told.proofs = 0
    await eventually(lambda: told.proofs)
    await store.redis.set(keys.profile(ROBIN), "x")
    await eventually(lambda: told.news == ["cut", ROBIN])
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


async def test_a_redis_that_refuses(redis_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """One line, however often it is tried; and it is used as soon as it may be."""
    told = Told()
    async with Redis.from_url(redis_url) as redis:
        await redis.acl_setuser(
            "reader", enabled=True, passwords=["+secret"], categories=["+@all"], keys=["*"],
            channels=["*"], commands=["-client"],
        )  # fmt: skip
        try:
            async with track(redis_url.replace("//", "//reader:secret@"), told):
                await eventually(lambda: len(told.news) > 1)
                assert told.proofs == 0
                await redis.acl_setuser("reader", enabled=True, categories=["+@all"])
                await eventually(lambda: told.proofs)
        finally:
            await redis.acl_deluser("reader")
    assert len(caplog.records) == 1
    assert "refuses" in caplog.text
    assert "secret" not in caplog.text
