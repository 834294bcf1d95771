"""Sessions are not begun when few are left."""

from __future__ import annotations

import asyncio
import datetime
import logging

import pytest
from hikari.sessions import SessionStartLimit

from services.gateway.discord import starts as starts_module
from services.gateway.discord.starts import SessionStartLimiter, spared
from testing.eventually import PATIENCE, eventually


def left(remaining: int, total: int = 1000) -> SessionStartLimit:
    return SessionStartLimit(
        total=total,
        remaining=remaining,
        reset_after=datetime.timedelta(hours=3),
        max_concurrency=1,
    )


async def test_it_waits_until_there_are_more(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """And says once how many are left, and for how long."""
    monkeypatch.setattr(starts_module, "LOOK_AGAIN", 0.01)
    caplog.set_level(logging.INFO)
    now = left(spared(left(0)))
    asked = 0

    async def ask() -> SessionStartLimit:
        nonlocal asked
        asked += 1
        return now

    waiting = asyncio.create_task(SessionStartLimiter(ask).wait(3))
    await eventually(lambda: asked > 3)
    assert not waiting.done()
    now = left(spared(left(0)) + 1)
    async with asyncio.timeout(PATIENCE):
        await waiting
    few, more = [record.getMessage() for record in caplog.records]
    assert "begin only 10 more sessions (of 1000 in a day)" in few
    assert "Shard 3 waits until there are more, at most 3:00:00" in few
    assert "again" in more


async def test_without_an_answer_discord_itself_decides() -> None:
    """A token that is refused is refused by the gateway as well, with a reason."""

    async def ask() -> None:
        return None

    async with asyncio.timeout(PATIENCE):
        await SessionStartLimiter(ask).wait(0)
