"""The bot's shards, and the right to run them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, cast

import pytest
from hikari.sessions import GatewayBotInfo, SessionStartLimit

from services.gateway.discord.session import Session
from services.gateway.discord.shard import Dispatches, Shard
from services.gateway.runner import GatewayRunner, ShardUnit
from services.gateway.sync import lease as lease_module
from services.gateway.sync.session_resume import SessionResume
from services.gateway.sync.writer import Writer
from shared.config import GatewaySettings
from shared.redis import keys
from shared.redis.store import Store
from testing.eventually import PATIENCE, eventually, eventually_async
from tests.ended import ended


class Silent:
    """A shard's bookmark that nothing is written to, and a writer to whom nobody is owed."""

    def __init__(self, session: Session | None = None) -> None:
        self.session = session
        self.waited_for = False

    async def recall(self) -> Session | None:
        return self.session

    async def keep(self, lease: object) -> None:
        await asyncio.Event().wait()

    async def keep_last(self, lease: object) -> None: ...

    async def settled(self) -> None:
        self.waited_for = True

    def forget(self) -> None: ...

    def caught_up(self) -> None: ...


class Deaf(Shard):
    """Goes nowhere."""

    async def run(self, *given: object, **named: object) -> None:
        await asyncio.Event().wait()


async def test_who_has_lost_a_shard_does_not_take_it_from_a_redis_that_forgot_the_holder(
    monkeypatch: pytest.MonkeyPatch, redis_url: str
) -> None:
    """The holder may still be writing: it is given the time to hear of it and to renew."""
    for name in ("RENEW_EVERY", "LOOK_EVERY"):
        monkeypatch.setattr(lease_module, name, 0.02)
    monkeypatch.setattr(lease_module, "SETTLE", 3600.0)
    async with Store.connect(redis_url, timeout=PATIENCE) as store:
        redis = store.redis
        bot, part = _bot(store, Silent())
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


@pytest.mark.parametrize("session", [None, Session("s", "ws://127.0.0.1", 1)])
async def test_who_is_ended_amid_a_replay_does_not_wait_for_writes_that_may_not_be_made(
    session: Session | None, redis_url: str
) -> None:
    """The next process resumes from before them."""
    async with Store.connect(redis_url, timeout=PATIENCE) as store:
        silent = Silent(session)
        bot, part = _bot(store, silent)
        running = asyncio.create_task(bot.run([part]))
        await eventually(lambda: any(bot.epochs().values()))
        assert part.shard.catching_up == bool(session)
        await ended(running)
    assert silent.waited_for == (session is None)


def _bot(store: Store, silent: Silent) -> tuple[GatewayRunner, ShardUnit]:
    bot = GatewayRunner(
        cast("GatewaySettings", None),
        GatewayBotInfo(
            url="",
            shard_count=1,
            session_start_limit=SessionStartLimit(
                total=1000, remaining=1000, reset_after=timedelta(), max_concurrency=1
            ),
        ),
        store,
        cast("Writer", silent),
        on_loss=lambda: None,
    )
    return bot, ShardUnit(Deaf("", 0, 1), cast("Dispatches", None), cast("SessionResume", silent))
