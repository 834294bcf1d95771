"""When and where a shard reconnects, in simulated time and with a network in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hikari.errors import (
    GatewayConnectionError,
    GatewayServerClosedConnectionError,
    GatewayTransportError,
)
from hikari.impl.shard import _GatewayTransport

from services.gateway.discord.hikari_shard import MAX_RESUME_FAILURES
from services.gateway.discord.session_events import DiscordSession
from services.gateway.discord.shard import Shard
from testing.eventually import eventually
from testing.loop_clock import LoopClock
from tests.ended import ended
from tests.gateway.gateway_fixture import GatewayFixture

MAIN, RESUME = "wss://main", "wss://resume"
SESSION = DiscordSession("earlier", RESUME, 7)

HEARTBEAT, IDENTIFY, RESUME_OP, HELLO, ACK = 1, 2, 6, 10, 11
ACK_S = 0.05
LONG_S = 600.0
BLIP_S = 3.0
RECOVERY_S = 4.5  # after a blip: the third delay, of 3.4 s and up to 1 s of jitter


class FakeTransport:
    """One connection, in place of hikari's."""

    def __init__(self, network: FakeNetwork, host: str) -> None:
        self._network = network
        self._host = host
        self._received: asyncio.Queue[Any] = asyncio.Queue()
        self._received.put_nowait({"op": HELLO, "d": {"heartbeat_interval": 40_000}})

    def put(self, message: Any) -> None:
        """A message of Discord, or an error that reading raises."""
        self._received.put_nowait(message)

    async def receive_json(self) -> Any:
        message = await self._received.get()
        if isinstance(message, BaseException):
            raise message
        return message

    async def send_json(self, message: Any) -> None:
        if self._network.write_error is not None:
            raise self._network.write_error
        match message["op"]:
            case 1:
                asyncio.get_running_loop().call_later(ACK_S, self.put, {"op": ACK})
            case 2 | 6 as op:
                self._network.handshakes.append(op)
                self.put(self._network.answer(op, self._host))

    async def send_close(self, *, code: int, message: bytes) -> None: ...


class FakeNetwork:
    """Discord's hosts."""

    def __init__(self, clock: LoopClock) -> None:
        self.attempts: list[str] = []  # the host of each
        self.times: list[float] = []  # of each
        self.handshakes: list[int] = []  # the opcodes
        self.transports: list[FakeTransport] = []
        self.errors: dict[str, Exception] = {}  # on connecting, by host
        self.down_until = 0.0
        self.write_error: Exception | None = None
        self.resume_answers: dict[str, Any] = {}  # by host
        self._clock = clock

    async def connect(self, *, url: str, **_: object) -> FakeTransport:
        host = url.partition("?")[0]
        self.attempts.append(host)
        self.times.append(self._clock.passed)
        if host in self.errors:
            raise self.errors[host]
        if self._clock.passed < self.down_until:
            raise GatewayConnectionError("503")
        self.transports.append(FakeTransport(self, host))
        return self.transports[-1]

    def answer(self, op: int, host: str) -> Any:
        if op == RESUME_OP:
            return self.resume_answers.get(host, {"op": 0, "t": "RESUMED", "s": 100, "d": {}})
        user = {"id": "1", "username": "bot", "discriminator": "0"}
        ready = {"v": 10, "user": user, "guilds": [], "session_id": "new"}
        return {"op": 0, "t": "READY", "s": 1, "d": {**ready, "resume_gateway_url": RESUME}}

    def blip(self, error: Exception, seconds: float = BLIP_S) -> None:
        """The connection breaks, and for a while none can be opened."""
        self.down_until = self._clock.passed + seconds
        self.transports[-1].put(error)


@pytest.fixture
async def network(clock: LoopClock, monkeypatch: pytest.MonkeyPatch) -> FakeNetwork:
    network = FakeNetwork(clock)
    monkeypatch.setattr(_GatewayTransport, "connect", network.connect)
    monkeypatch.setattr("hikari.internal.time.time", clock.wall)
    return network


async def at_once() -> None: ...


@asynccontextmanager
async def running(session: DiscordSession | None = None) -> AsyncIterator[Shard]:
    """A shard that connects to MAIN, or resumes the session."""
    shard = Shard("token", 0, 1)
    shard.resume_with(session)
    task = asyncio.create_task(shard.run(MAIN, GatewayFixture().handler, at_once, lambda: None))
    yield shard
    await ended(task)


async def recovery(network: FakeNetwork, shard: Shard, clock: LoopClock, error: Exception) -> float:
    """Seconds from the end of a blip until the shard is connected again."""
    connections = len(network.transports)
    network.blip(error)
    await eventually(lambda: len(network.transports) > connections and shard.is_connected)
    return clock.passed - network.down_until


@pytest.mark.parametrize(
    "error",
    [
        GatewayConnectionError("Socket has closed"),
        GatewayTransportError("reset by peer"),
        ConnectionResetError("Cannot write to closing transport"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_each_outage_begins_with_the_shortest_delay(
    network: FakeNetwork, clock: LoopClock, error: Exception
) -> None:
    """However many there were before, minutes ago."""
    async with running() as shard:
        await eventually(lambda: shard.is_connected)
        for _ in range(12):
            await clock.advance(LONG_S)
            assert await recovery(network, shard, clock, error) <= RECOVERY_S
        assert network.handshakes == [IDENTIFY, *[RESUME_OP] * 12]


async def test_failed_heartbeat_begins_with_the_shortest_delay_too(
    network: FakeNetwork, clock: LoopClock
) -> None:
    """Where a connection is broken, writing may notice it before reading does."""
    async with running() as shard:
        await eventually(lambda: shard.is_connected)
        for _ in range(8):
            await clock.advance(LONG_S)
            connections = len(network.transports)
            network.write_error = ConnectionResetError("Cannot write to closing transport")
            await eventually(lambda: not shard.is_connected)
            network.write_error, network.down_until = None, clock.passed + BLIP_S
            await eventually(lambda: len(network.transports) > connections and shard.is_connected)  # noqa: B023
            assert clock.passed - network.down_until <= RECOVERY_S


async def test_delays_grow_during_an_outage_and_differ(
    network: FakeNetwork, clock: LoopClock
) -> None:
    """So that Discord is not flooded when it comes back."""
    async with running() as shard:
        await eventually(lambda: shard.is_connected)
        await clock.advance(LONG_S)
        network.blip(GatewayConnectionError("Socket has closed"), seconds=LONG_S)
        await clock.advance(LONG_S)
    delays = [later - earlier for earlier, later in pairwise(network.times[1:])]
    assert delays[0] < 2.5
    assert 60.0 <= delays[-1] < 61.5
    assert len({round(delay % 1, 6) for delay in delays}) > 1


async def test_handshake_that_fails_does_not_end_a_series(
    network: FakeNetwork, clock: LoopClock
) -> None:
    """A connection that opens, and breaks before the session goes on, has not worked."""
    for host in (MAIN, RESUME):
        network.resume_answers[host] = GatewayConnectionError("Socket has closed")
    async with running(SESSION):
        await clock.advance(LONG_S / 4)
    assert len(network.attempts) < 12


REFUSALS = [
    {"op": 7, "d": None},
    {"op": 9, "d": True},
    GatewayConnectionError("Socket has closed"),
    GatewayServerClosedConnectionError("unknown error", 4000, can_reconnect=True),
]


async def test_dead_resume_address_is_left_after_three_failures(
    network: FakeNetwork, clock: LoopClock
) -> None:
    """The session is resumed at the main address, and continues there."""
    network.errors[RESUME] = GatewayConnectionError("503")
    async with running(SESSION) as shard:
        await eventually(lambda: shard.is_connected)
        assert network.attempts == [*[RESUME] * MAX_RESUME_FAILURES, MAIN]
        assert clock.passed < 10.0
        assert shard.session == DiscordSession(SESSION.id, MAIN, 100)
        await clock.advance(LONG_S)
        await recovery(network, shard, clock, GatewayConnectionError("Socket has closed"))
        assert set(network.attempts[4:]) == {MAIN}
        assert set(network.handshakes) == {RESUME_OP}


@pytest.mark.parametrize("refusal", REFUSALS, ids=["op 7", "op 9", "broken", "closed"])
async def test_resume_address_that_connects_and_does_not_resume_is_left_too(
    network: FakeNetwork, refusal: Any
) -> None:
    network.resume_answers[RESUME] = refusal
    async with running(SESSION) as shard:
        await eventually(lambda: shard.is_connected)
        assert network.attempts == [*[RESUME] * MAX_RESUME_FAILURES, MAIN]


async def test_failures_count_over_a_restart(network: FakeNetwork) -> None:
    """The next process goes on with the session, and tries the dead address only as often as is
    left."""
    network.errors[RESUME] = GatewayConnectionError("503")
    tried_before = MAX_RESUME_FAILURES - 1
    async with running(SESSION) as shard:
        await eventually(lambda: len(network.attempts) >= tried_before)
        session = shard.session
    assert session == msgspec.structs.replace(SESSION, resume_failures=tried_before)
    network.attempts.clear()
    async with running(msgspec.convert(msgspec.to_builtins(session), DiscordSession)) as shard:
        await eventually(lambda: shard.is_connected)
        assert shard.session == DiscordSession(SESSION.id, MAIN, 100)
    assert network.attempts == [RESUME, MAIN]


async def test_failures_count_where_each_ends_the_shard(network: FakeNetwork) -> None:
    """hikari gives up on some errors, and the runner begins anew with the same session."""
    network.errors[RESUME] = ValueError("no address")
    shard = Shard("token", 0, 1)
    shard.resume_with(SESSION)
    handler = GatewayFixture().handler
    for _ in range(MAX_RESUME_FAILURES):
        with pytest.raises(ValueError, match="no address"):
            await shard.run(MAIN, handler, at_once, lambda: None)
    task = asyncio.create_task(shard.run(MAIN, handler, at_once, lambda: None))
    await eventually(lambda: shard.is_connected)
    assert (network.attempts[-1], network.handshakes) == (MAIN, [RESUME_OP])
    await ended(task)


async def test_short_outages_leave_the_resume_address_alone(
    network: FakeNetwork, clock: LoopClock
) -> None:
    """Failures count in a row."""
    async with running(SESSION) as shard:
        await eventually(lambda: shard.is_connected)
        for _ in range(4):
            await clock.advance(LONG_S)
            connections = len(network.transports)
            network.blip(GatewayConnectionError("Socket has closed"), seconds=0.5)
            await eventually(lambda: len(network.transports) > connections and shard.is_connected)  # noqa: B023
        assert len(network.attempts) == 9
        assert set(network.attempts) == {RESUME}


async def test_next_session_is_resumed_at_its_own_address(
    network: FakeNetwork, clock: LoopClock
) -> None:
    network.errors[RESUME] = GatewayConnectionError("503")
    network.resume_answers[MAIN] = {"op": 9, "d": False}
    async with running(SESSION) as shard:
        await eventually(lambda: shard.is_connected)
        assert network.attempts[-2:] == [MAIN, MAIN]  # the refused resume, and the Identify
        assert shard.session == DiscordSession("new", RESUME, 1)
