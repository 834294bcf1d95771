"""The reader of a REST replica: it sees what is wrong with an answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import aiohttp
import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from chaos.history import History
from chaos.pollers import Replica
from chaos.rollback_tracker import RollbackTracker
from simulator.people import population
from simulator.world import World
from tests.chaos.test_view import ROBIN, Frames

NOBODY_LISTENS = 1


@pytest.fixture
def history() -> History:
    return History(World(*population(50, 2, 1, 1_784_053_200_000)))


class Api:
    """Answers with whatever it holds."""

    def __init__(self) -> None:
        self.holds: Callable[[], web.Response] = web.Response
        self.server = TestServer(self._application())

    def shows(self, frames: Frames) -> Callable[[], web.Response]:
        """Robin does something, and this is the answer that shows it."""
        profile, presence = frames.change()
        body = msgspec.json.encode({"data": {**presence, "profile": profile}})
        return lambda: web.Response(body=body)

    def _application(self) -> web.Application:
        application = web.Application()
        application.router.add_get("/user/{user_id}", self._answer)
        return application

    async def _answer(self, request: web.Request) -> web.Response:
        return self.holds()


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    api = Api()
    async with api.server:
        yield api


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as http:
        yield http


async def test_a_step_back_between_two_answers_is_seen(
    api: Api, http: aiohttp.ClientSession, history: History
) -> None:
    """Also with a 404 in between, which is what an emptied Redis gives."""
    replica = Replica("api-1", api.server.port or 0, http, history, RollbackTracker())
    frames = Frames(history)
    old, new = api.shows(frames), api.shows(frames)
    for api.holds in (old, new, new, lambda: web.Response(status=404)):
        await replica.ask(ROBIN)
    assert replica.wrong == []
    api.holds = old
    await replica.ask(ROBIN)
    assert "went back" in replica.wrong[0]


async def test_a_step_back_is_allowed_where_redis_was_set_back(
    api: Api, http: aiohttp.ClientSession, history: History
) -> None:
    """Once."""
    rollbacks = RollbackTracker()
    replica = Replica("api-1", api.server.port or 0, http, history, rollbacks)
    frames = Frames(history)
    old, new = api.shows(frames), api.shows(frames)
    api.holds = new
    await replica.ask(ROBIN)
    rollbacks.begins()
    for api.holds in (old, new):
        await replica.ask(ROBIN)
    assert replica.wrong == []
    api.holds = old
    await replica.ask(ROBIN)
    assert "went back" in replica.wrong[0]


async def test_a_refusal_says_when_to_come_again(
    api: Api, http: aiohttp.ClientSession, history: History
) -> None:
    replica = Replica("api-1", api.server.port or 0, http, history, RollbackTracker())
    api.holds = lambda: web.Response(status=503, headers={"Retry-After": "5"})
    assert await replica.ask(ROBIN) == 503
    assert replica.wrong == []
    api.holds = lambda: web.Response(status=503)
    await replica.ask(ROBIN)
    assert "without Retry-After" in replica.wrong[0]


async def test_no_answer_is_noted(http: aiohttp.ClientSession, history: History) -> None:
    """Whose fault it is comes out later."""
    replica = Replica("api-1", NOBODY_LISTENS, http, history, RollbackTracker())
    assert await replica.ask(ROBIN) == 0
    assert [wait.failed.partition("(")[0] for wait in replica.latencies] == ["ClientConnectorError"]
