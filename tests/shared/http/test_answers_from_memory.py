"""Responses that need no application: who gets one, and how many."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from shared.http.connection_handlers import Respond
from shared.http.connection_limits import ConnectionLimits
from shared.http.middleware import DrainingMiddleware
from shared.http.responses import Header, RawResponse
from shared.http.uvicorn_server import UntilDraining
from testing.eventually import PATIENCE, eventually
from tests.shared.http.http_fixture import App, Client, serving

KNOWN = b"GET /known HTTP/1.1\r\nHost: x\r\n\r\n"
OTHER = b"GET /other HTTP/1.1\r\nHost: x\r\n\r\n"


class Memory:
    """Has one response."""

    def __init__(self, body: bytes = b"mem") -> None:
        self.asked: list[tuple[bytes, Sequence[Header], str]] = []
        self._response = RawResponse(200, body, ((b"content-length", b"%d" % len(body)),))

    def find(self, target: bytes, headers: Sequence[Header], peer: str) -> RawResponse | None:
        self.asked.append((target, tuple(headers), peer))
        return self._response if target == b"/known" else None

    def load(self, _target: bytes, _headers: Sequence[Header], _peer: str, _done: Respond) -> bool:
        return False


async def body_of(client: Client) -> bytes:
    """Of the next response."""
    async with asyncio.timeout(PATIENCE):
        head = await client.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        size = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
        return await client.reader.readexactly(size)


async def test_a_known_response_needs_no_application() -> None:
    """On one connection, before and after responses of the application."""
    app, memory = App(), Memory()
    async with serving(app, ConnectionLimits(), answers=memory) as api:
        client = await api.connect()
        for request, body in [(KNOWN, b"mem"), (KNOWN, b"mem"), (OTHER, b"xx"), (KNOWN, b"mem")]:
            client.writer.write(request)
            assert await body_of(client) == body
        assert app.asked == 1
        assert memory.asked[0] == (b"/known", ((b"host", b"x"),), "127.0.0.1")
        await client.close()
        await api.is_empty()


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(KNOWN.replace(b"GET", b"HEAD"), id="HEAD"),
        pytest.param(KNOWN.replace(b"GET", b"POST"), id="POST"),
        pytest.param(KNOWN.replace(b"/1.1", b"/1.0"), id="HTTP/1.0"),
        pytest.param(KNOWN.replace(b"Host: x", b"Host: x\r\nConnection: close"), id="close"),
        pytest.param(
            KNOWN.replace(b"Host: x", b"Host: x\r\nConnection: upgrade\r\nUpgrade: h2c"),
            id="another protocol",
        ),
    ],
)
async def test_an_unusual_request_is_for_the_application(request_: bytes) -> None:
    """Even if the response is known."""
    app, memory = App(), Memory()
    async with serving(app, ConnectionLimits(), answers=memory) as api:
        client = await api.connect(request_)
        async with asyncio.timeout(PATIENCE):
            assert (await client.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        assert (app.asked, memory.asked) == (1, [])
        await client.close()


async def test_responses_keep_the_order_of_the_requests() -> None:
    """A known one waits for an earlier one of the application."""
    app = App()
    app.may_answer.clear()
    async with serving(app, ConnectionLimits(), answers=Memory()) as api:
        client = await api.connect(OTHER)
        client.writer.write(KNOWN + OTHER)
        await eventually(lambda: app.asked == 1)
        app.may_answer.set()
        assert [await body_of(client) for _ in range(3)] == [b"xx"] * 3  # the App knows all paths
        await client.close()


async def test_one_read_gets_one_response_from_memory() -> None:
    """Else a client could have thousands written with one packet, without reading any."""
    app, memory = App(), Memory()
    app.may_answer.clear()
    async with serving(app, ConnectionLimits(), answers=memory) as api:
        client = await api.connect(KNOWN * 2000)
        await client.rest()
        await client.close()
        await api.is_empty()
        assert (len(memory.asked), app.asked) == (1, 1)


async def test_a_client_that_reads_nothing_gets_no_more() -> None:
    """What is written for it is bounded: uvicorn then waits until it reads."""
    app, memory = App(), Memory(b"x" * 60_000)
    async with serving(app, ConnectionLimits(), answers=memory) as api:
        client = await api.connect()
        for asked in range(1, 2000):
            client.writer.write(KNOWN)
            await eventually(lambda asked=asked: len(memory.asked) + app.asked == asked)  # type: ignore[misc]
            if app.asked:
                break
        assert app.asked == 1
        client.writer.transport.abort()
        await api.is_empty()


async def test_the_next_request_has_a_deadline() -> None:
    """The client counts as pending after the response, like every other one."""
    async with serving(App(), ConnectionLimits(), answers=Memory()) as api:
        client = await api.connect(KNOWN)
        assert await body_of(client) == b"mem"
        assert (api.limiter.pending, api.limiter.deadlines) == (1, 1)
        await client.close()
        await api.is_empty()


SOON = ConnectionLimits(head_timeout_s=0.2)


async def test_an_idle_client_is_not_cut_off() -> None:
    """It got its response, and is closed like one whose response the application gave."""
    async with serving(App(), SOON, answers=Memory()) as api:
        client = await api.connect(KNOWN)
        assert await body_of(client) == b"mem"
        assert await client.rest() == b""
        await api.is_empty()
        assert api.limiter.closed == 0
        await client.close()


@pytest.mark.parametrize("begun", [b"G", KNOWN[:-1]])
async def test_a_client_that_does_not_go_on_is_cut_off(begun: bytes) -> None:
    """After a response from memory too: with the first bytes of another request."""
    async with serving(App(), SOON, answers=Memory()) as api:
        client = await api.connect(KNOWN + begun)
        assert await body_of(client) == b"mem"
        assert await client.rest() == b""
        await api.is_empty()
        assert api.limiter.closed == 1
        await client.close()


async def test_a_client_that_does_not_read_is_cut_off() -> None:
    """A part of its response is still here."""
    size = 32_000_000  # more than the kernel takes for a socket
    async with serving(App(), SOON, answers=Memory(b"x" * size)) as api:
        client = await api.connect()
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        client.writer.write(KNOWN)
        await api.is_empty()
        assert api.limiter.closed == 1
        client.writer.transport.abort()


async def test_the_client_that_asked_last_is_dropped_last() -> None:
    """Where a place is needed, the one goes that is silent for longest."""
    async with serving(App(), ConnectionLimits(max_pending=2), answers=Memory()) as api:
        first, second = await api.connect(KNOWN), await api.connect(KNOWN)
        assert [await body_of(first), await body_of(second)] == [b"mem"] * 2
        first.writer.write(KNOWN)
        assert await body_of(first) == b"mem"
        third = await api.connect(KNOWN)
        assert await second.rest() == b""
        assert await body_of(third) == b"mem"
        for client in (first, second, third):
            await client.close()
        await api.is_empty()


def test_the_servers_own_headers_are_first() -> None:
    """As uvicorn sends them: the date."""
    response = RawResponse(200, b"x", ((b"a", b"b"), (b"c", b"d")))
    assert response.written([(b"date", b"now")]) == (
        b"HTTP/1.1 200 OK\r\ndate: now\r\na: b\r\nc: d\r\n\r\nx"
    )


async def test_a_draining_server_asks_the_application() -> None:
    """Which closes each connection with its response."""
    draining = DrainingMiddleware(App())
    answers = UntilDraining(draining, Memory())
    assert answers.find(b"/known", (), "") is not None
    draining.begin()
    assert answers.find(b"/known", (), "") is None
