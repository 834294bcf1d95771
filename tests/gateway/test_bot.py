"""The bot's shards, and the right to run them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, cast

import pytest
from fakeredis import FakeAsyncRedis, FakeServer
from hikari.sessions import GatewayBotInfo, SessionStartLimit

from services.gateway import lease as lease_module
from services.gateway.bot import Bot, Part
from services.gateway.resumption import Resumption
from services.gateway.shard import Dispatches, Shard
from services.gateway.writer import Writer
from shared import keys
from shared.config import GatewaySettings
from shared.store import Store
from tests.ended import ended
from tests.eventually import eventually, eventually_async


class Silent:
    """A shard's bookmark that nothing is written to, and a writer to whom nobody is owed."""

    async def recall(self) -> None: ...

    async def keep(self, lease: object) -> None:
        await asyncio.Event().wait()

    async def keep_last(self, lease: object) -> None: ...

    async def settled(self) -> None: ...

    def forget(self) -> None: ...

    def caught_up(self) -> None: ...


class Deaf(Shard):
    """Goes nowhere."""

    async def run(self, *given: object, **named: object) -> None:
        await asyncio.Event().wait()


async def test_who_has_lost_a_shard_does_not_take_it_from_a_redis_that_forgot_the_holder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The holder may still be writing: it is given the time to hear of it and to renew."""
    for name in ("RENEW_EVERY", "LOOK_EVERY"):
        monkeypatch.setattr(lease_module, name, 0.02)
    monkeypatch.setattr(lease_module, "SETTLE", 3600.0)
    redis = FakeAsyncRedis(server=FakeServer())
    bot = Bot(
        cast("GatewaySettings", None),
        GatewayBotInfo(
            url="",
            shard_count=1,
            session_start_limit=SessionStartLimit(
                total=1000, remaining=1000, reset_after=timedelta(), max_concurrency=1
            ),
        ),
        Store(redis, timeout=1.0),
        cast("Writer", Silent()),
        on_loss=lambda: None,
    )
    part = Part(Deaf("", 0, 1), cast("Dispatches", None), cast("Resumption", Silent()))
    running = asyncio.create_task(bot.run([part]))

    async def holder() -> Any:
        return await redis.get(keys.lease(0, 1))

    try:
        await eventually_async(holder)
        await redis.set(keys.lease(0, 1), "another")
        await eventually(lambda: not bot.epochs())
        await redis.flushall()
        await eventually_async(lambda: redis.exists(keys.standby(0, 1)))
        assert await holder() is None
    finally:
        await ended(running)
