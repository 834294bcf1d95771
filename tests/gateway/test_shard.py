"""A shard that is ended leaves nothing behind, and the next goes on where it stopped listening."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import web

from chaos.replay_rewinder import ReplayRewinder
from services.gateway.discord import hikari_shard
from services.gateway.discord.shard import Shard
from simulator.gateway_session import GatewaySession
from simulator.protocol import Identify
from simulator.server import Simulator
from testing.eventually import eventually
from tests.e2e.stack import FIRST, ROBIN, quiet
from tests.ended import ended


class Nobody:
    """Takes in whatever comes."""

    def take(self, name: str, payload: Any) -> None: ...

    def lost(self) -> None: ...

    def somebody(self) -> None: ...


async def at_once() -> None: ...


async def test_a_shard_that_is_ended_while_it_connects_is_gone() -> None:
    """Else it would come through one day, beside the process that runs the shard by then."""
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
    task = asyncio.create_task(shard.run(url, Nobody(), at_once, lambda: None))
    await eventually(lambda: asked)
    await ended(task)
    assert not shard.is_ours
    await runner.cleanup()
    assert {one.get_name() for one in asyncio.all_tasks() - before} == set()


class Heard:
    """Remembers what somebody was said to be doing."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.events: list[str] = []

    def take(self, name: str, payload: Any) -> None:
        self.events.append(name)
        if name == "PRESENCE_UPDATE":
            self.names += [activity["name"] for activity in payload["activities"]]

    def lost(self) -> None: ...

    def somebody(self) -> None: ...


async def test_what_comes_while_a_shard_is_ended_is_repeated_to_the_next() -> None:
    """hikari goes on reading, and counting, for a moment: nobody hears that."""
    heard = Heard()
    session = None
    names = [str(number) for number in range(25)]
    async with Simulator(quiet()) as discord:
        for turns, name in enumerate(names):
            shard = Shard(discord.token, 0, 1)
            shard.go_on_with(session)
            ready = asyncio.Event()
            task = asyncio.create_task(shard.run(discord.gateway_url, heard, at_once, ready.set))
            await ready.wait()
            discord.world.set_presence(ROBIN, "online", [{"name": name, "type": 0}])
            for _ in range(turns):  # so that it comes before, while, or after the shard is ended
                await asyncio.sleep(0)
            await ended(task)
            session = shard.session
        shard = Shard(discord.token, 0, 1)
        shard.go_on_with(session)
        task = asyncio.create_task(shard.run(discord.gateway_url, heard, at_once, lambda: None))
        await eventually(lambda: names[-1] in heard.names)
        await ended(task)
        assert set(names) - set(heard.names) == set()
        assert discord.stats.identifies == 1


async def test_a_discord_that_answers_heartbeats_and_nothing_else_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else it would be waited for without end; and of the connection that is left nothing stays."""
    monkeypatch.setattr(hikari_shard, "SILENT_FOR", 0.5)
    identify = GatewaySession._identify
    asked = 0

    def late(conversation: GatewaySession, said: Identify) -> None:
        nonlocal asked
        asked += 1
        if asked > 1:
            identify(conversation, said)

    monkeypatch.setattr(GatewaySession, "_identify", late)
    async with Simulator(quiet(heartbeat_interval_ms=100)) as discord:
        shard, ready = Shard(discord.token, 0, 1), asyncio.Event()
        task = asyncio.create_task(shard.run(discord.gateway_url, Nobody(), at_once, ready.set))
        await eventually(ready.is_set)
        assert asked == 2
        names = [one.get_name() for one in asyncio.all_tasks()]
        assert names.count("heartbeat (shard 0)") == 1
        await ended(task)


async def test_a_question_that_waits_its_turn_when_the_connection_goes_is_given_up() -> None:
    """hikari sends 117 messages a minute, and cancels what waits: whoever asks goes on all the
    same, and asks again by the next connection."""
    async with Simulator(quiet()) as discord:
        shard = Shard(discord.token, 0, 1)
        ready = asyncio.Event()
        task = asyncio.create_task(shard.run(discord.gateway_url, Nobody(), at_once, ready.set))
        await ready.wait()
        questions = [
            asyncio.create_task(shard.ask_for(int(FIRST), [int(ROBIN)], str(number)))
            for number in range(150)
        ]
        await eventually(lambda: discord.stats.member_requests > 100)
        assert not all(question.done() for question in questions)
        discord.drop("rst")
        await eventually(lambda: all(question.done() for question in questions))
        assert [question.cancelled() for question in questions] == [False] * 150
        await ended(task)


async def test_whoever_asks_can_be_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own end is no connection that goes."""

    asked = asyncio.Event()

    class Held:
        async def request_guild_members(self, *_: object, **__: object) -> None:
            asked.set()
            await asyncio.Event().wait()

    shard = Shard("token", 0, 1)
    monkeypatch.setattr(shard, "_hikari", Held())
    question = asyncio.create_task(shard.ask_for_all(1, "nonce"))
    await asked.wait()
    question.cancel()
    with pytest.raises(asyncio.CancelledError):
        await question


async def test_a_session_that_is_replayed_from_its_beginning_begins_only_once() -> None:
    """Its READY does not count: behind it comes all that was shown before what is shown now."""
    heard = Heard()
    async with Simulator(quiet()) as discord:
        shard = Shard(discord.token, 0, 1)
        ready = asyncio.Event()
        task = asyncio.create_task(shard.run(discord.gateway_url, heard, at_once, ready.set))
        await ready.wait()
        for name in ("first", "second"):
            discord.world.set_presence(ROBIN, "online", [{"name": name, "type": 0}])
        await eventually(lambda: "second" in heard.names)
        before = list(heard.names)
        ReplayRewinder(discord.sessions).again = 200
        discord.drop("rst")
        await eventually(lambda: "RESUMED" in heard.events)
        await ended(task)
        assert heard.names == before
        assert heard.events.count("READY") == 1
