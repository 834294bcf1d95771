"""When profile extras are requested."""

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
from shared.profiles.service import READER_TIMEOUT_S
from shared.redis.store import StoreUnavailable
from testing.eventually import eventually
from tests.ws.ws_fixture import ANNA, BERT, FakeProfileSource


@asynccontextmanager
async def running(
    source: profile_refresher.ExtrasSource, limits: WsLimits, ttl: float = 300.0
) -> AsyncIterator[tuple[ProfileRefresher, Topic, list[Topic]]]:
    """A running refresher with one topic, and the topics of its `on_answer` calls."""
    topic = Topic(ANNA)
    answered: list[Topic] = []
    topics = {ANNA: topic}
    refresher = ProfileRefresher(source, limits, ttl=ttl, topics=topics, on_answer=answered.append)
    task = asyncio.create_task(refresher.run())
    yield refresher, topic, answered
    task.cancel()


async def test_one_request_at_a_time() -> None:
    """No second request is made while one is in flight."""
    source = FakeProfileSource()
    source.may_answer.clear()
    async with running(source, WsLimits()) as (refresher, topic, answered):
        for _ in range(5):
            refresher.refresh(topic)
        await eventually(lambda: source.asked)
        source.may_answer.set()
        await eventually(lambda: answered)
        assert source.asked == [ANNA]
        refresher.refresh_if_due(topic)
        await asyncio.sleep(0)
        assert source.asked == [ANNA], "the extras are fresh"


async def test_waiting_for_a_slot_counts_against_the_time_limit() -> None:
    """A topic that gets no slot in time gives up without a request."""
    source = FakeProfileSource()
    source.may_answer.clear()
    limits = WsLimits(extras_at_once=1, extras_within=0.05)
    async with running(source, limits) as (refresher, topic, answered):
        async with refresher._slots:
            refresher.refresh(topic)
            await eventually(lambda: answered)
        assert source.asked == []


def test_the_time_limits_of_a_request() -> None:
    """At most 2 s, and the source's own limit, which counts slow answers, expires first."""
    assert READER_TIMEOUT_S < WsLimits().extras_within <= 2.0


async def test_a_failed_request_is_retried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request without an answer is repeated; the pause doubles."""
    monkeypatch.setattr(profile_refresher, "REFRESH_CHECK_INTERVAL_S", 0.005)
    source = FakeProfileSource()
    source.known[ANNA] = None
    async with running(source, WsLimits(extras_again=0.005)) as (refresher, topic, _):
        refresher.refresh(topic)
        await eventually(lambda: len(source.asked) >= 3)
        assert topic.extras_asked
        source.known[ANNA] = ProfileExtras(bio="at last")
        await eventually(lambda: topic.extras_tries == 0)


async def test_a_source_with_a_bug(caplog: pytest.LogCaptureFixture) -> None:
    """A source that raises costs the extras, not the profile."""

    class Broken:
        can_answer = True

        async def extras(self, user_id: int) -> ProfileExtras | None:
            raise ZeroDivisionError

    with caplog.at_level(logging.ERROR):
        async with running(Broken(), WsLimits()) as (refresher, topic, answered):
            refresher.refresh(topic)
            await eventually(lambda: answered)
    assert topic.extras_asked
    assert str(ANNA) in caplog.text


async def test_redis_is_away() -> None:
    """That counts as no answer, and is not logged here."""

    class Away:
        can_answer = True

        async def extras(self, user_id: int) -> ProfileExtras | None:
            raise StoreUnavailable("away")

    async with running(Away(), WsLimits()) as (refresher, topic, answered):
        refresher.refresh(topic)
        await eventually(lambda: answered)
        assert topic.extras_tries == 1


async def test_without_a_source() -> None:
    """Nothing is requested, and nothing is waited for. What is known stays."""
    source = FakeProfileSource()
    source.known[ANNA] = ProfileExtras(bio="hello")
    async with running(source, WsLimits()) as (refresher, topic, answered):
        refresher.refresh(topic)
        await eventually(lambda: answered)
        known = topic._extras
        source.can_answer = False  # it was given up
        refresher.refresh(topic)
        assert (source.asked, topic._extras) == ([ANNA], known)
        other = Topic(BERT)
        refresher.refresh(other)
        assert other.extras_asked
        assert (source.asked, answered) == ([ANNA], [topic])


async def test_a_dropped_topic() -> None:
    """The request is cancelled with the topic."""
    source = FakeProfileSource()
    source.may_answer.clear()
    async with running(source, WsLimits()) as (refresher, topic, answered):
        refresher.refresh(topic)
        await eventually(lambda: source.asked)
        refresher.cancel(topic)
        source.may_answer.set()
        await asyncio.sleep(0.01)
        assert not answered
