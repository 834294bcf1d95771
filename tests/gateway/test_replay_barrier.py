"""A resume's replay has ended when Discord has answered what it is asked after RESUMED."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from services.gateway.discord import replay_barrier
from services.gateway.discord.replay_barrier import ReplayBarrier
from services.gateway.discord.shard import Shard
from simulator.server import Simulator
from testing.eventually import eventually
from tests.e2e.stack import FIRST, ROBIN, quiet
from tests.ended import ended

MANY = 3_000  # more than is read at once


class Heard:
    """What came, and whether the shard was catching up by then."""

    def __init__(self) -> None:
        self.shard: Shard | None = None
        self.events: list[tuple[str, bool]] = []

    def take(self, name: str, payload: Any) -> None:
        assert self.shard is not None
        shown = payload["activities"][0]["name"] if name == "PRESENCE_UPDATE" else name
        self.events.append((shown, self.shard.catching_up))

    def lost(self) -> None: ...

    def somebody(self) -> tuple[int, int]:
        return int(FIRST), int(ROBIN)

    def count(self, name: str) -> int:
        return [shown for shown, _ in self.events].count(name)


async def at_once() -> None: ...


async def test_the_end_of_an_earlier_replay_does_not_end_this_one() -> None:
    """Killed after a resume, before it noted that: the next resumes from before, and is told of
    that resume's end too, with all behind it still to come."""
    async with Simulator(quiet()) as discord:

        def begun(session: Any) -> tuple[Heard, asyncio.Event, asyncio.Task[None]]:
            heard, ready = Heard(), asyncio.Event()
            heard.shard = shard = Shard(discord.token, 0, 1)
            shard.go_on_with(session)
            run = shard.run(discord.gateway_url, heard, at_once, ready.set)
            return heard, ready, asyncio.create_task(run)

        def shows(name: str) -> None:
            discord.world.set_presence(ROBIN, "online", [{"name": name, "type": 0}])

        first, ready, task = begun(None)
        await eventually(ready.is_set)
        await ended(task)
        assert first.shard is not None
        session = first.shard.session
        shows("while nobody listened")
        second, ready, task = begun(session)
        await eventually(ready.is_set)
        for number in range(MANY):
            shows(f"{number} after the resume")
        await eventually(lambda: second.count(f"{MANY - 1} after the resume"))
        await ended(task)

        third, ready, task = begun(session)
        await eventually(ready.is_set)
        assert [name for name, _ in third.events if name != "GUILD_MEMBERS_CHUNK"] == [
            *("while nobody listened", "RESUMED"),
            *(f"{number} after the resume" for number in range(MANY)),
            "RESUMED",
        ]
        assert all(catching_up for _, catching_up in third.events)
        assert third.shard is not None
        assert not third.shard.catching_up
        await ended(task)


class Told:
    """What is asked, and whether the replay is over."""

    def __init__(self, anybody: bool = True) -> None:
        self.connected, self.over = True, asyncio.Event()
        self._anybody = anybody
        self.asked: list[str] = []
        self.replay = ReplayBarrier(lambda: self.connected, self._ask)

    def _ask(self, nonce: str) -> bool:
        self.asked.append(nonce)
        return self._anybody

    def resumed(self) -> str:
        self.replay.take("RESUMED", {})
        self.replay.resumed(self.over.set)
        return self.asked[-1]

    @property
    def state(self) -> tuple[bool, bool]:
        return self.replay.under_way, self.over.is_set()


@pytest.mark.parametrize("refused", [False, True])
async def test_it_is_over_when_what_is_asked_is_answered(refused: bool) -> None:
    """Also with a refusal; and not when something is answered that another process had asked."""
    told = Told()
    told.replay.begin()
    earlier = told.resumed()
    nonce = told.resumed()
    told.replay.take("GUILD_MEMBERS_CHUNK", {"nonce": earlier})
    told.replay.take("GUILD_MEMBERS_CHUNK", {"members": []})
    told.replay.take("RATE_LIMITED", {"opcode": 8})
    told.replay.take("PRESENCE_UPDATE", {"nonce": nonce})
    assert told.state == (True, False)
    if refused:
        told.replay.take("RATE_LIMITED", {"opcode": 8, "meta": {"nonce": nonce}})
    else:
        told.replay.take("GUILD_MEMBERS_CHUNK", {"nonce": nonce})
    assert told.state == (False, True)


async def test_a_question_that_is_not_answered_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """But not where the connection has gone: the next one brings the rest, and another RESUMED."""
    monkeypatch.setattr(replay_barrier, "ANSWERED_WITHIN", 0.01)
    told = Told()
    told.replay.begin()
    told.resumed()
    told.connected = False
    await _given_up()
    assert told.state == (True, False)

    told.connected = True
    told.resumed()
    told.replay.connects()
    await _given_up()
    assert told.state == (True, False)

    told.resumed()
    await told.over.wait()
    assert told.state == (False, True)


async def _given_up() -> None:
    """Until whatever was asked before has had its time."""
    other = Told()
    other.replay.begin()
    other.resumed()
    await other.over.wait()


async def test_a_replay_that_is_long_in_coming_is_one_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Discord refused for longer than a replay may take: it has only begun when something comes."""
    monkeypatch.setattr(replay_barrier, "WITHIN", 0.02)
    told = Told()
    told.replay.begin()
    await eventually(lambda: not told.replay.under_way)
    monkeypatch.setattr(replay_barrier, "WITHIN", 60.0)
    told.replay.connects()
    told.replay.take("PRESENCE_UPDATE", {})
    assert told.replay.under_way


@pytest.mark.parametrize("begun", [False, True])
async def test_it_is_over_at_once_where_nobody_is_known_or_nothing_is_repeated(
    begun: bool,
) -> None:
    told = Told(anybody=not begun)
    if begun:
        told.replay.begin()
    told.replay.resumed(told.over.set)
    assert told.state == (False, True)


async def test_without_a_connection_what_is_known_may_be_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of Redis, which has lost what it held: for a while, and again while the rest is repeated."""
    monkeypatch.setattr(replay_barrier, "BEHIND", 0.05)
    told = Told()
    told.replay.behind()
    assert told.state == (True, False)
    await eventually(lambda: not told.replay.under_way)
    told.replay.connects()
    assert not told.replay.under_way
    told.replay.take("PRESENCE_UPDATE", {})
    assert told.replay.under_way
    told.replay.take("GUILD_MEMBERS_CHUNK", {"nonce": told.resumed()})
    assert told.state == (False, True)


async def test_being_behind_cuts_no_replay_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis is emptied while a resume is under way."""
    monkeypatch.setattr(replay_barrier, "BEHIND", 0.0)
    told = Told()
    told.replay.begin()
    told.replay.behind()
    assert told.replay.under_way
