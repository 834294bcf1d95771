"""A resume's replay has ended when nothing of it comes any more."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from services.gateway import replay
from services.gateway.replay import Replay
from services.gateway.shard import Shard
from simulator.server import Simulator
from tests.e2e.stack import ROBIN, quiet
from tests.ended import ended
from tests.eventually import eventually


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
        await ready.wait()
        await ended(task)
        assert first.shard is not None
        session = first.shard.session
        shows("while nobody listened")
        second, _, task = begun(session)
        await eventually(lambda: second.count("RESUMED"))
        shows("after the resume")
        await eventually(lambda: second.count("after the resume"))
        await ended(task)

        third, ready, task = begun(session)
        await ready.wait()
        assert [name for name, _ in third.events] == [
            *("while nobody listened", "RESUMED", "after the resume", "RESUMED")
        ]
        assert all(catching_up for _, catching_up in third.events)
        assert third.shard is not None
        assert not third.shard.catching_up
        await ended(task)


async def test_a_connection_that_goes_takes_the_rest_of_the_replay_along(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(replay, "SETTLES", 0.01)
    connected = True
    ready, other = asyncio.Event(), asyncio.Event()
    caught_up = Replay(lambda: connected)

    async def settled() -> None:
        """Until whatever was begun before has had its time."""
        other.clear()
        unlike = Replay(lambda: True)
        unlike.begin()
        unlike.resumed(other.set)
        await other.wait()

    caught_up.begin()
    caught_up.resumed(ready.set)
    connected = False
    await settled()
    assert (ready.is_set(), caught_up.under_way) == (False, True)

    connected = True
    caught_up.resumed(ready.set)
    caught_up.interrupted()
    await settled()
    assert (ready.is_set(), caught_up.under_way) == (False, True)

    caught_up.resumed(ready.set)
    await settled()
    assert (ready.is_set(), caught_up.under_way) == (True, False)


async def test_resumed_without_a_replay_is_ready_at_once() -> None:
    ready = asyncio.Event()
    Replay(lambda: True).resumed(ready.set)
    assert ready.is_set()
