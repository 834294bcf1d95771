"""A RESUME replay is over when Discord has answered the request that follows RESUMED."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from chaos.replay_rewinder import ReplayRewinder
from services.gateway.discord.replay_barrier import ReplayBarrier, ReplayTimings
from services.gateway.discord.shard import Shard
from services.gateway.event_handler import EventHandler
from services.gateway.normalize.presence_event import PresenceEvent
from simulator.server import Simulator
from testing.eventually import eventually
from testing.loop_clock import LoopClock
from tests.e2e.stack import FIRST, ROBIN, quiet
from tests.ended import ended

# hikari leaves the session of a connection that is cancelled while it opens to the collector.
pytestmark = pytest.mark.filterwarnings("ignore:Unclosed client session:ResourceWarning")

BEGIN, END = "the replay begins", "the replay is over"
MANY = 3_000  # more than is read at once
TIMINGS = ReplayTimings()


class RecordingHandler(EventHandler):
    """Remembers the events, and whether the replay was active at each."""

    def __init__(self, shard: Shard) -> None:
        self.shard = shard
        self.events: list[tuple[str, bool]] = []

    def begin_replay(self) -> None:
        self.events.append((BEGIN, self.shard.replay.active))

    def end_replay(self) -> None:
        self.events.append((END, self.shard.replay.active))

    def handle(self, name: str, payload: Any) -> None:
        is_presence = isinstance(payload, PresenceEvent)
        shown = msgspec.json.decode(payload.activities)[0]["name"] if is_presence else name
        self.events.append((shown, self.shard.replay.active))

    def any_member(self) -> tuple[int, int]:
        return int(FIRST), int(ROBIN)

    def count(self, name: str) -> int:
        return [shown for shown, _ in self.events].count(name)


async def at_once() -> None: ...


async def test_end_of_an_earlier_replay_does_not_end_this_one() -> None:
    """A process was killed after a resume, before its next checkpoint. The next process resumes
    from before that, and the replay contains the RESUMED of the earlier resume."""
    async with Simulator(quiet()) as discord:

        def begun(session: Any) -> tuple[RecordingHandler, asyncio.Event, asyncio.Task[None]]:
            shard, ready = Shard(discord.token, 0, 1), asyncio.Event()
            handler = RecordingHandler(shard)
            shard.resume_with(session)
            run = shard.run(discord.gateway_url, handler, at_once, ready.set)
            return handler, ready, asyncio.create_task(run)

        def shows(name: str) -> None:
            discord.world.set_presence(ROBIN, "online", [{"name": name, "type": 0}])

        first, ready, task = begun(None)
        await eventually(ready.is_set)
        await ended(task)
        session = first.shard.session
        shows("while disconnected")
        second, ready, task = begun(session)
        await eventually(ready.is_set)
        for number in range(MANY):
            shows(f"{number} after the resume")
        await eventually(lambda: second.count(f"{MANY - 1} after the resume"))
        await ended(task)

        third, ready, task = begun(session)
        await eventually(ready.is_set)
        assert [name for name, _ in third.events if name != "GUILD_MEMBERS_CHUNK"] == [
            *(BEGIN, "while disconnected", "RESUMED"),
            *(f"{number} after the resume" for number in range(MANY)),
            *("RESUMED", END),
        ]
        assert [is_active for _, is_active in third.events] == [True] * (len(third.events) - 1) + [
            False
        ]
        assert not third.shard.replay.active
        await ended(task)


async def test_repeated_end_of_an_earlier_replay_does_not_end_one_of_the_same_process() -> None:
    """Discord goes back further than it was asked to, to before the earlier resume."""
    async with Simulator(quiet()) as discord:
        shard = Shard(discord.token, 0, 1)
        handler = RecordingHandler(shard)
        task = asyncio.create_task(shard.run(discord.gateway_url, handler, at_once, lambda: None))
        await eventually(lambda: shard.is_connected)

        def shows(name: str) -> None:
            discord.world.set_presence(ROBIN, "online", [{"name": name, "type": 0}])

        discord.drop("rst")
        await eventually(lambda: handler.count(END) == 2)  # of the Identify, too
        assert shard.is_up_to_date
        shows("before")
        await eventually(lambda: handler.count("before"))
        ReplayRewinder(discord.sessions).again = 200
        discord.drop("rst")
        for number in range(MANY):
            shows(f"{number} meanwhile")
        await eventually(lambda: handler.count(END) == 3)
        names = [name for name, _ in handler.events if name != "GUILD_MEMBERS_CHUNK"]
        replay = names[len(names) - names[::-1].index(BEGIN) :]
        meanwhile = [f"{number} meanwhile" for number in range(MANY)]
        assert replay == ["RESUMED", *meanwhile, "RESUMED", END]
        await ended(task)


class FakeConnection:
    """A barrier, its connection, and what it requests."""

    def __init__(self, knows_a_member: bool = True, timings: ReplayTimings = TIMINGS) -> None:
        self.is_connected = True
        self.nonces: list[str] = []
        self.is_ready = asyncio.Event()
        self._knows_a_member = knows_a_member
        self.barrier = ReplayBarrier(self, timings)
        self.barrier.on_ready(self.is_ready.set)

    def request_any_member(self, nonce: str) -> bool:
        self.nonces.append(nonce)
        return self._knows_a_member

    def resumed(self) -> str:
        """RESUMED comes; gives the nonce of the request that follows."""
        self.barrier.observe("RESUMED", {})
        return self.nonces[-1]

    @property
    def state(self) -> tuple[bool, bool]:
        return self.barrier.active, self.is_ready.is_set()


@pytest.mark.parametrize("is_refused", [False, True])
async def test_replay_is_over_with_the_answer(is_refused: bool) -> None:
    """A refusal is an answer too. Answers to another process' requests do not count."""
    connection = FakeConnection()
    barrier = connection.barrier
    barrier.begin()
    earlier = connection.resumed()
    nonce = connection.resumed()
    barrier.observe("GUILD_MEMBERS_CHUNK", {"nonce": earlier})
    barrier.observe("GUILD_MEMBERS_CHUNK", {"members": []})
    barrier.observe("RATE_LIMITED", {"opcode": 8})
    barrier.observe("PRESENCE_UPDATE", {"nonce": nonce})
    assert connection.state == (True, False)
    if is_refused:
        barrier.observe("RATE_LIMITED", {"opcode": 8, "meta": {"nonce": nonce}})
    else:
        barrier.observe("GUILD_MEMBERS_CHUNK", {"nonce": nonce})
    assert connection.state == (False, True)


async def test_request_without_an_answer_is_given_up(clock: LoopClock) -> None:
    """But not after the connection has ended: the next one brings the rest, and RESUMED again."""
    connection = FakeConnection()
    connection.barrier.begin()
    connection.resumed()
    connection.is_connected = False
    await clock.advance(TIMINGS.answer_timeout_s + 1)
    assert connection.state == (True, False)

    connection.is_connected = True
    connection.resumed()
    connection.barrier.start_connection()
    await clock.advance(TIMINGS.answer_timeout_s + 1)
    assert connection.state == (True, False)

    connection.resumed()
    began = clock.passed
    await connection.is_ready.wait()
    assert clock.passed - began == pytest.approx(TIMINGS.answer_timeout_s)
    assert connection.state == (False, True)


async def test_replay_that_begins_late_is_active_all_the_same(clock: LoopClock) -> None:
    """Discord refused connections for longer than a replay may take: the time counts from the
    first event."""
    connection = FakeConnection()
    connection.barrier.begin()
    await clock.advance(TIMINGS.max_replay_s)
    assert not connection.barrier.active
    connection.barrier.start_connection()
    connection.barrier.observe("PRESENCE_UPDATE", {})
    assert connection.barrier.active
    await clock.advance(TIMINGS.max_replay_s)
    assert not connection.barrier.active


async def test_resume_without_a_known_member_is_over_at_once() -> None:
    connection = FakeConnection(knows_a_member=False)
    connection.barrier.begin()
    connection.resumed()
    assert connection.state == (False, True)


async def test_resume_of_the_same_process_is_over_with_the_answer_too() -> None:
    """As after a short loss of the connection. It has written all earlier events, and goes on."""
    connection = FakeConnection()
    barrier = connection.barrier
    barrier.start_resume()
    nonce = connection.resumed()
    assert connection.state == (False, False)
    assert barrier.is_repeating
    barrier.observe("GUILD_MEMBERS_CHUNK", {"nonce": nonce})
    assert connection.state == (False, True)
    assert not barrier.is_repeating


async def test_new_session_ends_a_replay() -> None:
    connection = FakeConnection()
    connection.barrier.begin()
    connection.barrier.observe("READY", {})
    assert connection.state == (False, True)


async def test_stale_state_is_held_without_a_connection(clock: LoopClock) -> None:
    """Redis has lost its data. For a while nothing is written; and then again during a replay."""
    connection = FakeConnection()
    barrier = connection.barrier
    barrier.hold_stale()
    assert connection.state == (True, False)
    await clock.advance(TIMINGS.max_stale_s)
    assert not barrier.active
    barrier.start_connection()
    assert not barrier.active
    barrier.observe("PRESENCE_UPDATE", {})
    assert barrier.active
    barrier.observe("GUILD_MEMBERS_CHUNK", {"nonce": connection.resumed()})
    assert connection.state == (False, True)


async def test_holding_stale_state_does_not_shorten_a_replay(clock: LoopClock) -> None:
    """Redis is emptied during a resume."""
    connection = FakeConnection()
    connection.barrier.begin()
    connection.barrier.hold_stale()
    await clock.advance(TIMINGS.max_replay_s - 1)
    assert connection.barrier.active
