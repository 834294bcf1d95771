"""The warning before Discord reviews the intents, and the reasons for 4014."""

from __future__ import annotations

import asyncio
import logging

import pytest
from fakeredis import FakeAsyncRedis, FakeServer

from services.gateway import metrics
from services.gateway.intent_review import ReviewTimings, explain_refusal, watch_intent_review
from shared.discord.privileged_intents import (
    MEMBERS_FLAGS,
    PRESENCE_FLAGS,
    REVIEW_WARNING_USERS,
    are_reviewed,
)
from shared.redis import keys
from shared.redis.store import Store
from testing.eventually import eventually
from tests.ended import ended

LIMITED = PRESENCE_FLAGS[1] | MEMBERS_FLAGS[1]
FULL = PRESENCE_FLAGS[0] | MEMBERS_FLAGS[0]
LOGGER = "services.gateway.intent_review"
OFTEN = ReviewTimings(interval_s=0.001, repeat_s=86_400.0)


class Watch:
    """The watch over so many users, at an application with these flags."""

    def __init__(self, flags: int | None) -> None:
        self.flags = flags
        self.questions = 0
        self.redis = FakeAsyncRedis(server=FakeServer())
        self.store = Store(self.redis, timeout=5.0)

    async def fetch_flags(self) -> int | None:
        self.questions += 1
        return self.flags

    async def monitor(self, users: int) -> None:
        await self.redis.delete(keys.USERS)
        await self.redis.sadd(keys.USERS, *range(1, users + 1))


def due() -> float:
    [metric] = metrics.REVIEW_DUE.collect()
    return metric.samples[0].value


async def test_it_warns_from_8000_users_on(caplog: pytest.LogCaptureFixture) -> None:
    """Once a day, and not at 7,999; the metric stands meanwhile, and falls with the users."""
    watch = Watch(LIMITED)
    await watch.monitor(REVIEW_WARNING_USERS - 1)
    metrics.REVIEW_DUE.set(1)
    with caplog.at_level(logging.WARNING, LOGGER):
        task = asyncio.create_task(watch_intent_review(watch.store, watch.fetch_flags, OFTEN))
        await eventually(lambda: due() == 0)
        assert watch.questions == 0
        await watch.redis.sadd(keys.USERS, 10**9)
        await eventually(lambda: due() == 1)
        await watch.monitor(5)
        await eventually(lambda: due() == 0)
        await ended(task)
    warnings = [record.getMessage() for record in caplog.records if record.name == LOGGER]
    assert len(warnings) == watch.questions == 1
    assert warnings[0].startswith("8000 users are monitored.")


async def test_it_is_silent_once_the_intents_are_reviewed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    watch = Watch(FULL)
    await watch.monitor(REVIEW_WARNING_USERS)
    metrics.REVIEW_DUE.set(1)
    with caplog.at_level(logging.WARNING, LOGGER):
        task = asyncio.create_task(watch_intent_review(watch.store, watch.fetch_flags, OFTEN))
        await eventually(lambda: due() == 0)
        await ended(task)
    assert [record for record in caplog.records if record.name == LOGGER] == []
    assert watch.questions == 1


@pytest.mark.parametrize(
    ("flags", "reviewed"),
    [(None, False), (0, False), (LIMITED, False), (FULL, True), (PRESENCE_FLAGS[0], False)],
)
def test_both_intents_have_to_be_reviewed(flags: int | None, reviewed: bool) -> None:
    assert are_reviewed(flags) is reviewed


@pytest.mark.parametrize(
    ("flags", "has_worked", "words"),
    [
        (0, False, "switch on PRESENCE INTENT and SERVER MEMBERS INTENT; save"),
        (None, False, "switch on PRESENCE INTENT and SERVER MEMBERS INTENT; save"),
        (LIMITED, False, "although they are switched on"),
        (MEMBERS_FLAGS[1], True, "worked before: PRESENCE INTENT is switched off now"),
        (LIMITED, True, "worked before and are still switched on: it wants to review them"),
        (None, True, "it wants to review them"),
    ],
)
def test_a_refusal_is_explained(flags: int | None, has_worked: bool, words: str) -> None:
    """4014 has four causes, and each has its own remedy."""
    text = explain_refusal(flags, has_worked=has_worked)
    assert words in text
    assert "(close code 4014)" in text
