"""Responses that are loaded without the application: order, limits, and clients that leave."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from shared.http.connection_handlers import Respond
from shared.http.connection_limits import ConnectionLimits
from shared.http.middleware import DrainingMiddleware
from shared.http.responses import Header, RawResponse
from shared.http.uvicorn_server import UntilDraining
from testing.eventually import eventually
from tests.shared.http.http_fixture import Api, App, Client, serving
from tests.shared.http.test_answers_from_memory import body_of

LOADED = b"GET /loaded HTTP/1.1\r\nHost: x\r\n\r\n"
OTHER = b"GET /other HTTP/1.1\r\nHost: x\r\n\r\n"
RESPONSE = RawResponse(200, b"loaded", ((b"content-length", b"6"),))


class Loads:
    """Has nothing in memory, and responds when the test says so."""

    def __init__(self) -> None:
        self.asked = 0
        self.under_way: list[Respond] = []

    def find(self, _target: bytes, _headers: Sequence[Header], _peer: str) -> None:
        return None

    def load(self, target: bytes, _headers: Sequence[Header], _peer: str, respond: Respond) -> bool:
        if target != b"/loaded":
            return False
        self.asked += 1
        self.under_way.append(respond)
        return True

    async def respond(self, response: RawResponse | None = RESPONSE) -> None:
        """To the request that came first."""
        await eventually(lambda: self.under_way)
        self.under_way.pop(0)(response)


async def test_no_application_is_needed() -> None:
    """One request after the other on a connection. Each is under way until its response."""
    app, loads = App(), Loads()
    async with serving(app, ConnectionLimits(), answers=loads) as api:
        client = await api.connect()
        for _ in range(3):
            client.writer.write(LOADED)
            await eventually(lambda: loads.under_way)
            assert (api.limiter.pending, api.limiter.deadlines) == (0, 1)
            await loads.respond()
            assert await body_of(client) == b"loaded"
            assert (api.limiter.pending, api.limiter.deadlines) == (1, 1)
        assert app.asked == 0
        await client.close()
        await api.is_empty()


async def test_what_cannot_be_loaded_is_for_the_application() -> None:
    """Which gets the request as if it had come just now."""
    app, loads = App(), Loads()
    async with serving(app, ConnectionLimits(), answers=loads) as api:
        client = await api.connect(LOADED)
        await loads.respond(None)
        assert await body_of(client) == b"xx"
        client.writer.write(LOADED)
        await loads.respond()
        assert await body_of(client) == b"loaded"
        assert (app.asked, loads.asked) == (1, 2)
        await client.close()
        await api.is_empty()


@pytest.mark.parametrize("response", [RESPONSE, None])
async def test_what_comes_meanwhile_waits(response: RawResponse | None) -> None:
    """Whole requests, and pieces of them. Responses keep the order of the requests."""
    app, loads = App(), Loads()
    async with serving(app, ConnectionLimits(), answers=loads) as api:
        client = await api.connect(LOADED)
        await eventually(lambda: loads.under_way)
        for piece in (OTHER, OTHER[:9], OTHER[9:], LOADED[:20]):
            client.writer.write(piece)
            await client.writer.drain()
        await loads.respond(response)
        first = b"xx" if response is None else b"loaded"
        assert [await body_of(client) for _ in range(3)] == [first, b"xx", b"xx"]
        client.writer.write(LOADED[20:])
        assert await body_of(client) == b"xx"  # it came in two pieces
        assert loads.asked == 1
        await client.close()
        await api.is_empty()


@pytest.mark.parametrize("sent", [LOADED + LOADED, LOADED + OTHER[:3]])
async def test_a_request_that_does_not_come_alone_is_for_the_application(sent: bytes) -> None:
    """It may have to be queued, and uvicorn has a queue."""
    app, loads = App(), Loads()
    async with serving(app, ConnectionLimits(), answers=loads) as api:
        client = await api.connect(sent)
        assert await body_of(client) == b"xx"
        assert loads.asked == 0
        await client.close()
        await api.is_empty()


async def test_a_request_in_pieces_is_for_the_application() -> None:
    """The bytes of a request are kept while its response is loaded, and those of one read are there
    already."""
    app, loads = App(), Loads()
    async with serving(app, ConnectionLimits(), answers=loads) as api:
        client = await _served(await api.connect(), loads)
        [connection] = api.open_connections()
        client.writer.write(LOADED[:7])
        await eventually(lambda: not connection.is_idle)
        client.writer.write(LOADED[7:])
        assert await body_of(client) == b"xx"
        assert (app.asked, loads.asked) == (1, 1)
        await client.close()
        await api.is_empty()


async def test_behind_a_response_of_the_application_it_waits_there() -> None:
    """In uvicorn's queue."""
    app, loads = App(), Loads()
    app.may_answer.clear()
    async with serving(app, ConnectionLimits(), answers=loads) as api:
        client = await api.connect(OTHER)
        await eventually(lambda: app.asked == 1)
        client.writer.write(LOADED)
        [connection] = api.open_connections()
        await eventually(lambda: connection.pipeline)
        app.may_answer.set()
        assert [await body_of(client) for _ in range(2)] == [b"xx", b"xx"]
        await client.close()
        await api.is_empty()


@pytest.mark.parametrize("response", [RESPONSE, None])
async def test_a_client_that_leaves_meanwhile(response: RawResponse | None) -> None:
    """Nothing is left of it, and the application is not asked."""
    app, loads = App(), Loads()
    async with serving(app, ConnectionLimits(), answers=loads) as api:
        client = await api.connect(LOADED)
        await eventually(lambda: loads.under_way)
        client.writer.transport.abort()
        await api.is_empty()
        await loads.respond(response)
        assert app.asked == 0


async def test_a_load_that_takes_too_long_is_cut_off() -> None:
    """As the application is. The client was not idle."""
    limits = ConnectionLimits(response_timeout_s=0.2)
    loads = Loads()
    async with serving(App(), limits, answers=loads) as api:
        client = await api.connect(LOADED)
        assert await client.rest() == b""
        await api.is_empty()
        assert api.limiter.closed == 1
        await loads.respond()
        await client.close()


@pytest.mark.parametrize("response", [RESPONSE, None])
async def test_a_server_that_ends_meanwhile(response: RawResponse | None) -> None:
    """The response says that the connection ends with it. What is loaded is not asked for again: a
    Redis that hangs would be waited for twice."""
    app, loads = App(), Loads()
    async with serving(app, ConnectionLimits(), answers=loads) as api:
        idle = await _served(await api.connect(), loads)
        client = await api.connect(LOADED)
        await eventually(lambda: loads.under_way)
        _end(api)
        assert await idle.rest() == b""
        await loads.respond(response)
        received = await client.rest()
        assert b"\r\nconnection: close\r\n" in received
        assert received.endswith(b"\r\n\r\n" + (b"xx" if response is None else b"loaded"))
        assert app.asked == (response is None)
        await api.is_empty()
        for one in (idle, client):
            await one.close()


@pytest.mark.parametrize("response", [RESPONSE, None])
@pytest.mark.parametrize("path", ["/other", "/loaded"])
async def test_a_server_that_ends_answers_what_has_come(
    path: str, response: RawResponse | None
) -> None:
    """As it does with requests in uvicorn's queue. The last response closes the connection."""
    app, loads = App(), Loads()
    async with serving(app, ConnectionLimits(), answers=loads) as api:
        client = await api.connect(LOADED)
        await eventually(lambda: loads.under_way)
        client.writer.write(OTHER.replace(b"/other", path.encode()))
        [connection] = api.open_connections()
        await eventually(lambda: connection._held_back)
        _end(api)
        await loads.respond(response)
        first = b"xx" if response is None else b"loaded"
        assert await body_of(client) == first
        if (path, response) == ("/loaded", RESPONSE):
            await loads.respond()
        received = await client.rest()
        assert b"\r\nconnection: close\r\n" in received
        assert received.endswith(b"loaded" if loads.asked == 2 else b"xx")
        await api.is_empty()
        await client.close()


async def test_a_server_that_ends_sends_what_is_wrong() -> None:
    """With what came meanwhile: the refusal is not cut off."""
    loads = Loads()
    async with serving(App(), ConnectionLimits(), answers=loads) as api:
        client = await api.connect(LOADED)
        await eventually(lambda: loads.under_way)
        client.writer.write(b"garbage\r\n\r\n")
        [connection] = api.open_connections()
        await eventually(lambda: connection._held_back)
        _end(api)
        await loads.respond()
        assert await body_of(client) == b"loaded"
        assert (await client.rest()).startswith(b"HTTP/1.1 400 ")
        await client.close()
        await api.is_empty()


def _end(api: Api) -> None:
    """As uvicorn ends its connections."""
    for connection in api.open_connections():
        connection.shutdown()


async def _served(client: Client, loads: Loads) -> Client:
    client.writer.write(LOADED)
    await loads.respond()
    assert await body_of(client) == b"loaded"
    return client


async def test_a_draining_server_loads_nothing() -> None:
    """The application closes each connection with its response."""
    draining = DrainingMiddleware(App())
    answers = UntilDraining(draining, Loads())
    assert answers.load(b"/loaded", (), "", print)
    draining.begin()
    assert not answers.load(b"/loaded", (), "", print)
