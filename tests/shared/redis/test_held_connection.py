"""When a held connection counts as lost, in simulated time and without a server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as NoConnection

from shared.redis.held_connection import (
    ConnectionLost,
    ConnectionTimings,
    HeldConnection,
    ask,
    send,
)
from testing.logged import own_lines
from testing.loop_clock import LoopClock
from tests.ended import ended

TIMINGS = ConnectionTimings(
    connect_timeout_s=3.0, ping_interval_s=5.0, ping_timeout_s=2.0, reconnect_interval_s=0.25
)
PONG = [b"pong", b""]


class Wire:
    """A connection whose answers the test gives, and the pool that makes it."""

    def __init__(self) -> None:
        self.is_connected = True
        self.connects = 0
        self.pings = 0
        self.answers = True  # whether a ping is answered
        self._replies: asyncio.Queue[Any] = asyncio.Queue()

    def make_connection(self) -> Wire:
        return self

    async def connect(self) -> None:
        self.connects += 1
        self.is_connected = True

    async def disconnect(self, nowait: bool) -> None:
        assert nowait
        self.is_connected = False

    async def send_command(self, *command: object, check_health: bool) -> None:
        assert not check_health
        assert command == ("PING",)
        self.pings += 1
        if self.answers:
            self.deliver(PONG)

    async def read_response(self, *, timeout: float) -> Any:
        reply = await self._replies.get()
        if isinstance(reply, Exception):
            raise reply
        return reply

    def deliver(self, reply: object) -> None:
        self._replies.put_nowait(reply)


class Held(HeldConnection):
    """Records what becomes of it."""

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire, TIMINGS, "subscriber")  # type: ignore[arg-type]
        self.replies: list[Any] = []
        self.disconnects = 0

    async def _on_connect(self, connection: AbstractConnection) -> None:
        assert connection.is_connected

    def _on_reply(self, reply: list[Any]) -> None:
        self.replies.append(reply)

    def _on_disconnect(self) -> None:
        self.disconnects += 1


@pytest.fixture
def wire() -> Wire:
    return Wire()


@asynccontextmanager
async def holding(wire: Wire) -> AsyncIterator[Held]:
    held = Held(wire)
    task = asyncio.create_task(held.run())
    try:
        yield held
    finally:
        await ended(task)


async def test_pings_keep_the_connection(clock: LoopClock, wire: Wire) -> None:
    """One at the beginning, and one more after each interval."""
    async with holding(wire) as held:
        await clock.advance(60.1)
        assert wire.pings == 13
        assert (wire.connects, held.disconnects) == (1, 0)


async def test_without_a_reply_the_connection_is_lost(
    clock: LoopClock, wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    """When the timeout after the ping has passed; the next connection follows at once."""
    wire.answers = False
    async with holding(wire) as held:
        await clock.advance(1.9)
        assert held.disconnects == 0
        await clock.advance(0.2)
        assert (wire.connects, held.disconnects) == (1, 1)
        wire.answers = True
        await clock.advance(0.25)
        assert (wire.connects, held.disconnects) == (2, 1)
    assert own_lines(caplog) == ["subscriber: the connection to Redis is lost (no answer for 2 s)"]


async def test_other_replies_are_signs_of_life(clock: LoopClock, wire: Wire) -> None:
    """The pong may stand behind more messages than can be read within the timeout."""
    wire.answers = False
    async with holding(wire) as held:
        for number in range(10):
            wire.deliver([b"message", b"channel", number])
            await clock.advance(1.5)
        assert held.disconnects == 0
        wire.deliver(PONG)
        await clock.advance(4.9)
        assert (wire.pings, held.disconnects) == (1, 0)
        await clock.advance(2.2)  # the second ping is not answered, and nothing else arrives
        assert (wire.pings, held.disconnects) == (2, 1)
    assert len(held.replies) == 10


async def test_an_error_ends_the_connection(clock: LoopClock, wire: Wire) -> None:
    """Redis has closed it."""
    async with holding(wire) as held:
        await clock.advance(1.0)
        wire.deliver(NoConnection("closed"))
        await clock.advance(0.1)
        assert (wire.connects, held.disconnects) == (1, 1)
        await clock.advance(0.25)
        assert (wire.connects, held.disconnects) == (2, 1)


async def test_nothing_is_sent_over_a_closed_connection(wire: Wire) -> None:
    """redis-py would connect anew, and nothing would be subscribed there."""
    wire.is_connected = False
    with pytest.raises(ConnectionLost):
        await send(wire, "PING")  # type: ignore[arg-type]
    assert (wire.connects, wire.pings) == (0, 0)


class Scripted:
    """A connection on which these replies come."""

    def __init__(self, *replies: Any) -> None:
        self._replies = list(replies)

    async def send_command(self, *command: object, check_health: bool) -> None: ...

    async def read_response(self, timeout: float) -> Any:
        return self._replies.pop(0)


async def test_message_before_an_answer_is_skipped() -> None:
    """A key changes while the connection is being set up: the invalidation is not the answer."""
    answer = [b"subscribe", b"control", 1]
    message = [b"message", b"__redis__:invalidate", [b"guilds:{1}"]]
    connection = Scripted(message, message, answer)
    assert await ask(cast("AbstractConnection", connection), "SUBSCRIBE", "control") == answer
