"""When profile sources are asked."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from services.ws import profile_refresher
from services.ws.limits import WsLimits
from services.ws.profile_refresher import ProfileRefresher
from services.ws.topic import Topic
from shared.model.profile_extras import ProfileExtras
from shared.profiles.service import CAP
from shared.redis.store import StoreUnavailable
from tests.ws.ws_fixture import ANNA, Source, until


@asynccontextmanager
async def completing(
    source: profile_refresher.FactSource, limits: WsLimits, ttl: float = 300.0
) -> AsyncIterator[tuple[ProfileRefresher, Topic, list[Topic]]]:
    """A completion with one topic, and the list of what it learned."""
    topic = Topic(ANNA)
    learned: list[Topic] = []
    one = ProfileRefresher(source, limits, ttl=ttl, topics={ANNA: topic}, learned=learned.append)
    task = asyncio.create_task(one.run())
    yield one, topic, learned
    task.cancel()


async def test_one_question_at_a_time() -> None:
    """Who asks while the question is out asks nothing new."""
    source = Source()
    source.may_answer.clear()
    async with completing(source, WsLimits()) as (one, topic, learned):
        for _ in range(5):
            one.ask(topic)
        await until(lambda: source.asked)
        source.may_answer.set()
        await until(lambda: learned)
        assert source.asked == [ANNA]
        one.ask_if_old(topic)
        await asyncio.sleep(0)
        assert source.asked == [ANNA], "they are young"


async def test_who_waits_for_a_turn_waits_no_longer_than_the_others() -> None:
    """Where nobody gets an answer, those behind the gate hear so as well, without a question."""
    source = Source()
    source.may_answer.clear()
    limits = WsLimits(facts_at_once=1, facts_within=0.05)
    async with completing(source, limits) as (one, topic, learned):
        async with one._gate:
            one.ask(topic)
            await until(lambda: learned)
        assert source.asked == []


def test_the_bounds_of_a_wait_for_facts() -> None:
    """Nobody waits more than 2 s, and the source's own bound, which notes slowness, ends first."""
    assert CAP < WsLimits().facts_within <= 2.0


async def test_no_answer_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence is followed by another question; the wait doubles."""
    monkeypatch.setattr(profile_refresher, "SWEEP_EVERY", 0.005)
    source = Source()
    source.known[ANNA] = None
    async with completing(source, WsLimits(facts_again=0.005)) as (one, topic, _):
        one.ask(topic)
        await until(lambda: len(source.asked) >= 3)
        assert topic.facts_asked
        source.known[ANNA] = ProfileExtras(bio="at last")
        await until(lambda: topic.facts_tries == 0)


async def test_a_source_with_a_bug(caplog: pytest.LogCaptureFixture) -> None:
    """A source that raises costs the facts, not the profile."""

    class Broken:
        async def facts(self, user_id: int) -> ProfileExtras | None:
            raise ZeroDivisionError

    with caplog.at_level(logging.ERROR):
        async with completing(Broken(), WsLimits()) as (one, topic, learned):
            one.ask(topic)
            await until(lambda: learned)
    assert topic.facts_asked
    assert str(ANNA) in caplog.text


async def test_redis_is_away() -> None:
    """That is no answer, and no news for the log."""

    class Away:
        async def facts(self, user_id: int) -> ProfileExtras | None:
            raise StoreUnavailable("away")

    async with completing(Away(), WsLimits()) as (one, topic, learned):
        one.ask(topic)
        await until(lambda: learned)
        assert topic.facts_tries == 1


async def test_a_forgotten_topic() -> None:
    """The question is dropped with the last watcher."""
    source = Source()
    source.may_answer.clear()
    async with completing(source, WsLimits()) as (one, topic, learned):
        one.ask(topic)
        await until(lambda: source.asked)
        one.forget(topic)
        source.may_answer.set()
        await asyncio.sleep(0.01)
        assert not learned
