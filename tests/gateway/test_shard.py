"""A shard that is cancelled leaves nothing behind, and the next one continues where it stopped."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from aiohttp import web

from chaos.replay_rewinder import ReplayRewinder
from services.gateway.discord.hikari_shard import MAX_RESUME_FAILURES
from services.gateway.discord.shard import Shard
from services.gateway.event_handler import EventHandler
from services.gateway.normalize.presence_event import PresenceEvent
from simulator.gateway_session import GatewaySession
from simulator.protocol import Identify
from simulator.server import Simulator
from testing.eventually import eventually
from tests.e2e.stack import FIRST, ROBIN, quiet
from tests.ended import ended

# hikari leaves the session of a connection that is cancelled while it opens to the collector.
pytestmark = pytest.mark.filterwarnings("ignore:Unclosed client session:ResourceWarning")


class RecordingHandler(EventHandler):
    """Remembers events, and the names of activities. It knows no member."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.events: list[str] = []

    def begin_replay(self) -> None:
        pass

    def end_replay(self) -> None:
        pass

    def handle(self, name: str, payload: Any) -> None:
        self.events.append(name)
        if isinstance(payload, PresenceEvent):
            self.names += [one["name"] for one in msgspec.json.decode(payload.activities)]

    def any_member(self) -> None:
        return None


async def at_once() -> None: ...


async def test_shard_cancelled_while_it_connects_is_gone() -> None:
    """Otherwise it would connect later, beside the process that runs the shard by then."""
    asked = 0

    async def refuse(request: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        return web.Response(status=503)

    app = web.Application()
    app.router.add_get("/{rest:.*}", refuse)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0]
    before = asyncio.all_tasks()
    shard = Shard("token", 0, 1)
    url = f"http://{host}:{port}"
    task = asyncio.create_task(shard.run(url, RecordingHandler(), at_once, lambda: None))
    await eventually(lambda: asked)
    await ended(task)
    assert not shard.is_running
    await runner.cleanup()
    assert {one.get_name() for one in asyncio.all_tasks() - before} == set()


async def test_events_during_the_cancellation_are_repeated_to_the_next_shard() -> None:
    """hikari goes on reading and counting for a moment, and those events are not handled."""
    handler = RecordingHandler()
    session = None
    names = [str(number) for number in range(25)]
    async with Simulator(quiet()) as discord:
        for turns, name in enumerate(names):
            shard = Shard(discord.token, 0, 1)
            shard.resume_with(session)
            ready = asyncio.Event()
            task = asyncio.create_task(shard.run(discord.gateway_url, handler, at_once, ready.set))
            await ready.wait()
            discord.world.set_presence(ROBIN, "online", [{"name": name, "type": 0}])
            for _ in range(turns):  # before, during, or after the cancellation
                await asyncio.sleep(0)
            await ended(task)
            session = shard.session
        shard = Shard(discord.token, 0, 1)
        shard.resume_with(session)
        task = asyncio.create_task(shard.run(discord.gateway_url, handler, at_once, lambda: None))
        await eventually(lambda: names[-1] in handler.names)
        await ended(task)
        assert set(names) - set(handler.names) == set()
        assert discord.stats.identifies == 1


async def test_connection_with_nothing_but_heartbeats_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Otherwise the shard would wait forever. Nothing is left of the connection."""
    identify = GatewaySession._identify
    attempts = 0

    def answer_the_second(session: GatewaySession, message: Identify) -> None:
        nonlocal attempts
        attempts += 1
        if attempts > 1:
            identify(session, message)

    monkeypatch.setattr(GatewaySession, "_identify", answer_the_second)
    async with Simulator(quiet(heartbeat_interval_ms=100)) as discord:
        shard, ready = Shard(discord.token, 0, 1, handshake_silence_s=0.5), asyncio.Event()
        run = shard.run(discord.gateway_url, RecordingHandler(), at_once, ready.set)
        task = asyncio.create_task(run)
        await eventually(ready.is_set)
        assert attempts == 2
        names = [one.get_name() for one in asyncio.all_tasks()]
        assert names.count("heartbeat (shard 0)") == 1
        await ended(task)


async def test_delayed_request_is_given_up_with_the_connection() -> None:
    """hikari sends 117 messages a minute, and cancels those that wait. The task that requests
    continues, and repeats the request by the next connection."""
    async with Simulator(quiet()) as discord:
        shard = Shard(discord.token, 0, 1)
        ready = asyncio.Event()
        task = asyncio.create_task(
            shard.run(discord.gateway_url, RecordingHandler(), at_once, ready.set)
        )
        await ready.wait()
        requests = [
            asyncio.create_task(shard.request_users(int(FIRST), [int(ROBIN)], str(number)))
            for number in range(150)
        ]
        await eventually(lambda: discord.stats.member_requests > 100)
        assert not all(request.done() for request in requests)
        discord.drop("rst")
        await eventually(lambda: all(request.done() for request in requests))
        assert [request.cancelled() for request in requests] == [False] * 150
        await ended(task)


async def test_task_that_requests_can_be_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own cancellation is not taken for the end of the connection."""

    asked = asyncio.Event()

    class Held:
        async def request_guild_members(self, *_: object, **__: object) -> None:
            asked.set()
            await asyncio.Event().wait()

    shard = Shard("token", 0, 1)
    monkeypatch.setattr(shard, "_hikari", Held())
    request = asyncio.create_task(shard.request_guild(1, "nonce"))
    await asked.wait()
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request


async def test_ready_of_a_session_replayed_from_its_start_is_ignored() -> None:
    """All events after that READY have been handled before."""
    handler = RecordingHandler()
    async with Simulator(quiet()) as discord:
        shard = Shard(discord.token, 0, 1)
        ready = asyncio.Event()
        task = asyncio.create_task(shard.run(discord.gateway_url, handler, at_once, ready.set))
        await ready.wait()
        for name in ("first", "second"):
            discord.world.set_presence(ROBIN, "online", [{"name": name, "type": 0}])
        await eventually(lambda: "second" in handler.names)
        before = list(handler.names)
        ReplayRewinder(discord.sessions).again = 200
        discord.drop("rst")
        await eventually(lambda: "RESUMED" in handler.events)
        await ended(task)
        assert handler.names == before
        assert handler.events.count("READY") == 1


async def test_new_session_with_the_id_of_the_last_one_is_followed() -> None:
    """Its events are numbered from 1 again: they are no replay."""
    handler = RecordingHandler()
    async with Simulator(quiet(reuse_session_ids=True)) as discord:
        shard = Shard(discord.token, 0, 1)
        task = asyncio.create_task(shard.run(discord.gateway_url, handler, at_once, lambda: None))
        await eventually(lambda: shard.is_connected)
        for number in range(20):
            discord.world.set_presence(ROBIN, "online", [{"name": str(number), "type": 0}])
        await eventually(lambda: "19" in handler.names)
        first = shard.session
        discord.drop("invalid")
        await eventually(lambda: handler.events.count("READY") == 2)
        discord.world.set_presence(ROBIN, "online", [{"name": "after", "type": 0}])
        await eventually(lambda: "after" in handler.names)
        assert first
        assert shard.session
        assert first.id == shard.session.id
        await ended(task)


RATE_LIMITS = [
    "null",
    "[]",
    "{}",
    '{"opcode":8,"retry_after":1.5}',
    '{"opcode":8,"meta":{}}',
    '{"opcode":"8","retry_after":1.5,"meta":{}}',
    '{"opcode":8,"retry_after":"soon","meta":{}}',
    '{"opcode":8,"retry_after":null,"meta":null}',
]
MESSAGES = [
    "",
    "{",
    "null",
    "[0]",
    "{}",
    '{"op":0}',
    '{"op":0,"t":"PRESENCE_UPDATE","s":1}',
    '{"op":0,"t":"PRESENCE_UPDATE","d":{}}',
    '{"op":0,"t":"PRESENCE_UPDATE","s":null,"d":{}}',
    '{"op":0,"t":"PRESENCE_UPDATE","s":"1","d":{}}',
    '{"op":0,"t":["PRESENCE_UPDATE"],"s":1,"d":{}}',
    '{"op":[],"d":0}',
    '{"op":11,"d":' + "[" * 100_000,
]


async def test_malformed_messages_cost_no_connection(capfd: pytest.CaptureFixture[str]) -> None:
    """Each is skipped, the next event is handled, and a resume continues after it."""
    handler = RecordingHandler()
    async with Simulator(quiet()) as discord:
        shard = Shard(discord.token, 0, 1)
        task = asyncio.create_task(shard.run(discord.gateway_url, handler, at_once, lambda: None))
        await eventually(lambda: shard.is_connected)
        for number, payload in enumerate(RATE_LIMITS):
            discord.sessions.raw("RATE_LIMITED", payload.encode())
            discord.world.set_presence(ROBIN, "online", [{"name": str(number), "type": 0}])
        for message in MESSAGES:
            discord.gateway.send_text(message)
        await eventually(lambda: str(len(RATE_LIMITS) - 1) in handler.names)
        discord.world.set_presence(ROBIN, "online", [{"name": "last", "type": 0}])
        await eventually(lambda: "last" in handler.names)
        assert discord.stats.connections == 1
        (session,) = discord.sessions
        assert shard.session
        assert shard.session.seq == session.seq
        await ended(task)
    assert "RATE_LIMITED" not in handler.events
    assert "Logging error" not in capfd.readouterr().err


async def test_invalid_session_that_does_not_say_whether_it_can_be_resumed_is_over() -> None:
    async with Simulator(quiet()) as discord:
        shard, ready = Shard(discord.token, 0, 1), asyncio.Event()
        run = shard.run(discord.gateway_url, RecordingHandler(), at_once, ready.set)
        task = asyncio.create_task(run)
        await ready.wait()
        ready.clear()
        discord.gateway.send_text('{"op":9}')
        await ready.wait()
        assert (discord.stats.identifies, discord.stats.resumes) == (2, 0)
        assert not task.done()
        await ended(task)


async def test_session_is_resumed_where_its_resume_address_is_dead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At the main address. The next process begins there."""
    monkeypatch.setattr("hikari.impl.shard._BACKOFF_WINDOW", 0.0)  # attempts follow at once
    handler = RecordingHandler()
    async with Simulator(quiet()) as discord:
        session = None
        for resumes in (1, 2):
            shard = Shard(discord.token, 0, 1)
            shard.resume_with(session)
            run = shard.run(discord.gateway_url, handler, at_once, lambda: None)
            task = asyncio.create_task(run)
            await eventually(lambda: shard.is_connected)  # noqa: B023
            if session is None:
                discord.refuse(address="resume")
                discord.drop("rst")
            await eventually(lambda: discord.stats.resumes == resumes)  # noqa: B023
            await eventually(lambda: shard.is_connected)  # noqa: B023
            await ended(task)
            session = shard.session
        assert discord.stats.identifies == 1
        assert discord.stats.connections_refused == MAX_RESUME_FAILURES
