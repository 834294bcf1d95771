"""When an endpoint is tried again, in simulated time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import pytest
from prometheus_client import CollectorRegistry, Counter

from services.webhooks.delivery import Delivery
from services.webhooks.limits import WebhookLimits
from services.webhooks.message import WebhookMessage
from services.webhooks.sender import Attempt
from shared.net.backoff import Backoff
from shared.webhook_endpoints import Endpoint
from testing.logged import own_lines
from tests.webhooks.receiver import SECRET

ANNA, BERT, CARL = 1, 2, 3
LIMITS = WebhookLimits(backoff=Backoff(first_s=5.0, max_s=60.0))
DELIVERED, BROKEN = Attempt("2xx"), Attempt("5xx", "status 500")


class Notes:
    """What Redis keeps."""

    def __init__(self) -> None:
        self.kept: dict[int, str] = {}

    async def load(self) -> AsyncIterator[dict[int, bytes]]:
        yield {user_id: note.encode() for user_id, note in self.kept.items()}

    async def note(self, notes: Mapping[int, str]) -> None:
        self.kept.update(notes)

    async def forget(self, user_ids: Sequence[int]) -> None:
        for user_id in user_ids:
            self.kept.pop(user_id, None)

    async def clear(self) -> None:
        self.kept.clear()


class Stub:
    """An endpoint: it answers by user, after a moment."""

    def __init__(self) -> None:
        self.began = asyncio.get_running_loop().time()
        self.answers: dict[int, Attempt] = {}
        self.all: Attempt | None = None
        self.log: list[tuple[int, int, bytes]] = []  # seconds, user, presence
        self.at_once = self.most_at_once = 0

    async def send(self, message: WebhookMessage) -> Attempt:
        seconds = round(asyncio.get_running_loop().time() - self.began)
        self.log.append((seconds, message.user_id, message.presence))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0.01)
        self.at_once -= 1
        return self.all or self.answers.get(message.user_id, DELIVERED)


class Setup:
    def __init__(self, users: frozenset[int] = frozenset()) -> None:
        self.stub, self.notes, self.is_current = Stub(), Notes(), True
        self.attempts = Counter(
            "attempts", "", ["endpoint", "result"], registry=CollectorRegistry()
        )
        self.delivery = Delivery(
            Endpoint(url="https://x", label="x", secrets=(SECRET,), users=users, private=False),
            self.stub,
            self.notes,
            LIMITS,
            self.attempts,
            may_send=lambda: self.is_current,
            jitter=lambda: 0.0,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.delivery.run())
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.usefixtures("clock")
async def test_delays_grow_and_start_again_after_a_success() -> None:
    """And have a maximum."""
    setup = Setup()
    setup.stub.all = BROKEN
    async with setup.running():
        setup.delivery.show(ANNA, 1, b"a")
        await asyncio.sleep(200)
        assert [at for at, *_ in setup.stub.log] == [0, 5, 15, 35, 75, 135, 195]
        assert round(setup.delivery.failing_for_s) == 200
        setup.stub.all = None
        await asyncio.sleep(100)
        assert (setup.delivery.failures, setup.delivery.failing_for_s) == (0, 0.0)
        setup.stub.all = BROKEN
        setup.delivery.show(ANNA, 2, b"b")
        await asyncio.sleep(7)
        assert [at for at, *_ in setup.stub.log[-2:]] == [300, 305]


@pytest.mark.usefixtures("clock")
async def test_an_endpoint_that_fails_is_tried_with_one_message() -> None:
    """However many wait, and whatever changes meanwhile. Then all follow, several at once."""
    setup = Setup()
    setup.stub.all = BROKEN
    async with setup.running():
        setup.delivery.show(ANNA, 1, b"a")
        await asyncio.sleep(1)
        for user_id in range(10, 110):
            setup.delivery.show(user_id, 1, b"b")
        await asyncio.sleep(3)
        assert len(setup.stub.log) == 1
        await asyncio.sleep(2)
        assert len(setup.stub.log) == 2
        setup.stub.all, setup.stub.most_at_once = None, 0
        await asyncio.sleep(15)
        assert setup.delivery.pending == 0
        assert setup.stub.most_at_once == LIMITS.requests_at_once


@pytest.mark.usefixtures("clock")
async def test_only_the_newest_state_is_sent() -> None:
    """What a user showed while the endpoint failed is never sent."""
    setup = Setup()
    setup.stub.all = BROKEN
    async with setup.running():
        for version in range(1, 50):
            setup.delivery.show(ANNA, version, b"%d" % version)
            await asyncio.sleep(0.1)
        setup.stub.all = None
        await asyncio.sleep(20)
        assert [presence for _, _, presence in setup.stub.log] == [b"1", b"49"]


@pytest.mark.usefixtures("clock")
async def test_one_message_that_fails_does_not_hold_the_others() -> None:
    """It waits longer each time; the endpoint only for the shortest delay."""
    setup = Setup()
    setup.stub.answers[ANNA] = BROKEN
    async with setup.running():
        setup.delivery.show(ANNA, 1, b"a")
        for second in range(600):
            setup.delivery.show(BERT, second, b"%d" % second)
            await asyncio.sleep(1)
    of_anna = [at for at, user_id, _ in setup.stub.log if user_id == ANNA]
    assert len(of_anna) < 16
    assert len(setup.stub.log) - len(of_anna) > 500


@pytest.mark.usefixtures("clock")
async def test_an_endpoint_is_left_alone_for_as_long_as_it_asks() -> None:
    """Retry-After is never shortened, and a back-off that is longer is kept."""
    setup = Setup()
    setup.stub.all = Attempt("4xx", "status 429", 30.0)
    async with setup.running():
        setup.delivery.show(ANNA, 1, b"a")
        await asyncio.sleep(160)
    assert [at for at, *_ in setup.stub.log] == [0, 30, 60, 90, 130]


@pytest.mark.usefixtures("clock")
async def test_messages_that_fail_together_are_one_failure() -> None:
    """They were on their way together. The longest Retry-After among them counts."""
    setup = Setup()
    setup.stub.answers = {ANNA: Attempt("4xx", "status 429", 60.0), BERT: BROKEN, CARL: BROKEN}
    async with setup.running():
        for user_id in (ANNA, BERT, CARL):
            setup.delivery.show(user_id, 1, b"a")
        await asyncio.sleep(1)
        assert setup.delivery.failures == 1
        assert len(setup.stub.log) == 3
        await asyncio.sleep(62)
        assert [at for at, *_ in setup.stub.log[3:]] == [60]


@pytest.mark.usefixtures("clock")
async def test_an_endpoint_is_gone_once(caplog: pytest.LogCaptureFixture) -> None:
    """Also where several messages were on their way: nothing of them is kept."""
    setup = Setup()
    setup.stub.answers = {user_id: Attempt("4xx", gone=True) for user_id in (ANNA, BERT)}
    async with setup.running():
        for user_id in (ANNA, BERT, CARL):
            setup.delivery.show(user_id, 1, b"a")
        await asyncio.sleep(1)
    assert len([line for line in own_lines(caplog) if "is gone" in line]) == 1
    assert (setup.delivery.pending, setup.notes.kept) == (0, {})


@pytest.mark.usefixtures("clock")
async def test_an_endpoint_that_is_gone_gets_nothing_more(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """And nothing is kept for it."""
    setup = Setup()
    gone = Attempt("4xx", "status 410", gone=True)
    setup.stub.answers |= {ANNA: gone, BERT: gone}
    setup.stub.answers[CARL] = BROKEN  # while the others are on their way
    async with setup.running():
        for user_id in (ANNA, BERT, CARL):
            setup.delivery.show(user_id, 1, b"a")
        await asyncio.sleep(1)
        assert setup.delivery.disabled
        setup.delivery.show(BERT, 2, b"b")
        setup.delivery.remove(ANNA, 2)
        await asyncio.sleep(3600)
    assert len(setup.stub.log) == 3
    assert (setup.delivery.pending, setup.delivery.failures, setup.notes.kept) == (0, 0, {})
    assert [line for line in own_lines(caplog) if "410" in line] == [
        "webhooks: x is gone (status 410) and gets no more messages. Remove it from WEBHOOKS; a "
        "restart tries it again"
    ]


@pytest.mark.usefixtures("clock")
async def test_nothing_is_sent_while_redis_is_away() -> None:
    """Somebody may have hidden what waits."""
    setup = Setup()
    setup.is_current = False
    async with setup.running():
        setup.delivery.show(ANNA, 1, b"a")
        await asyncio.sleep(100)
        assert setup.stub.log == []
        setup.delivery.remove(ANNA, 2)
        setup.delivery.show(BERT, 1, b"b")
        setup.is_current = True
        setup.delivery.wake()
        await asyncio.sleep(1)
    assert [(user_id, presence) for _, user_id, presence in setup.stub.log] == [(BERT, b"b")]


@pytest.mark.usefixtures("clock")
async def test_what_is_acknowledged_is_noted() -> None:
    """And what may have arrived, before it is sent. Others than those of the endpoint are not."""
    setup = Setup(frozenset({ANNA, BERT}))
    setup.notes.kept[CARL] = "1:0123456789abcdef"
    setup.stub.answers[BERT] = BROKEN
    async with setup.running():
        await setup.delivery.restore()
        for user_id in (ANNA, BERT, CARL):
            setup.delivery.show(user_id, 7, b"a")
        await asyncio.sleep(1)
        assert set(setup.notes.kept) == {ANNA, BERT}
        assert setup.notes.kept[BERT] == "7:"
        assert setup.notes.kept[ANNA] not in ("7:", "")
        setup.delivery.remove(ANNA, 8)
        await asyncio.sleep(20)
        assert set(setup.notes.kept) == {BERT}


@pytest.mark.usefixtures("clock")
async def test_the_log_has_a_line_when_it_fails_and_when_it_works_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Not one for each attempt."""
    caplog.set_level("INFO")
    setup = Setup()
    setup.stub.all = BROKEN
    async with setup.running():
        setup.delivery.show(ANNA, 1, b"a")
        await asyncio.sleep(30)
        setup.stub.all = None
        await asyncio.sleep(30)
    assert own_lines(caplog) == [
        "webhooks: x does not accept messages, and is tried again: status 500",
        "webhooks: x accepts messages again",
    ]
