"""Clients that say little, say too much or do not listen: real sockets, small limits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.lifespan.off import LifespanOff

from services.api import http_server, problems
from services.api.door import Door, Guest, Limits
from shared.config import ApiSettings
from tests.api.http_client import ask
from tests.eventually import eventually

SOON = 20.0
NEVER = 3600.0
HASTY = Limits(head_within=0.2, answer_within=NEVER)
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class App:
    """Answers with so many bytes, once it may."""

    def __init__(self, size: int = 2) -> None:
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.asked = 0
        self._body = b"x" * size

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked += 1
        await self.may_answer.wait()
        headers = [(b"content-length", b"%d" % len(self._body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": self._body})


class Api:
    """A running server."""

    def __init__(self, port: int, door: Door) -> None:
        self.port = port
        self.door = door

    async def connect(self, sent: bytes = b"") -> Client:
        client = Client(*await asyncio.open_connection("127.0.0.1", self.port))
        client.writer.write(sent)
        return client

    async def answers(self) -> bool:
        return (await ask(self.port)).status == 200

    async def is_empty(self) -> None:
        await eventually(lambda: self.door.connections == 0)
        assert not self.door._waiting
        assert not self.door._answering


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def rest(self) -> bytes:
        """What comes until the server ends the connection, however it does that."""
        found = b""
        async with asyncio.timeout(SOON):
            with suppress(ConnectionError):
                while piece := await self.reader.read(65_536):
                    found += piece
        return found

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


@asynccontextmanager
async def serving(app: ASGIApp, limits: Limits) -> AsyncIterator[Api]:
    door = Door(limits)
    listener = http_server.listen(ApiSettings(api_port=0))
    server = http_server.server(app, door)
    server.config.load()
    server.lifespan = LifespanOff(server.config)
    await server.startup([listener])
    sweep = asyncio.create_task(door.run())
    try:
        yield Api(listener.getsockname()[1], door)
    finally:
        sweep.cancel()
        for each in server.servers:
            each.close()


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"GET /us", id="half a line"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\n", id="headers without an end"),
        pytest.param(GET + b"GET /us", id="half a line after an answer"),
        pytest.param(b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nx", id="half a body"),
    ],
)
async def test_who_says_too_little_is_cut_off(sent: bytes) -> None:
    """Ten seconds (here less) for a whole request, and others are answered meanwhile."""
    async with serving(App(), HASTY) as api:
        client = await api.connect(sent)
        assert await api.answers()
        await client.rest()
        await client.close()
        assert api.door.cut_off == 1
        await api.is_empty()


async def test_who_says_a_little_now_and_then_is_cut_off() -> None:
    """Slow loris: a byte at a time is no whole request either."""

    async def trickle(client: Client) -> None:
        with suppress(ConnectionError):
            for byte in b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 10_000:
                client.writer.write(bytes([byte]))
                await client.writer.drain()
                await asyncio.sleep(0.005)

    async with serving(App(), HASTY) as api:
        client = await api.connect()
        sending = asyncio.create_task(trickle(client))
        await client.rest()
        await sending
        await client.close()
        assert api.door.cut_off == 1
        await api.is_empty()


@pytest.mark.parametrize(
    "sent", [b"GET /" + b"x" * 300_000, b"GET / HTTP/1.1\r\nX: y\r\n" * 20_000]
)
async def test_headers_without_an_end(sent: bytes) -> None:
    """Too much is told, and not kept."""
    async with serving(App(), Limits()) as api:
        client = await api.connect(sent)
        answer = await client.rest()
        await client.close()
        await api.is_empty()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.split(b" ")[1] in (b"431", b"400")
    assert msgspec.json.decode(body)["success"] is False


async def test_a_newcomer_gets_the_place_of_who_has_waited_longest() -> None:
    """Idle connections by the thousand shut nobody out."""
    async with serving(App(), Limits(connections=3, head_within=NEVER)) as api:
        idle = [await api.connect(b"GET") for _ in range(3)]
        await eventually(lambda: api.door.connections == 3)
        assert await api.answers()
        assert await idle[0].rest() == b""
        assert api.door.cut_off == 1
        for client in idle:
            await client.close()
        await api.is_empty()


async def test_a_full_house_says_so() -> None:
    """503 while every place is taken by a request under way; then places are free again."""
    app = App()
    app.may_answer.clear()
    async with serving(app, Limits(connections=2)) as api:
        busy = [await api.connect(GET) for _ in range(2)]
        await eventually(lambda: app.asked == 2)
        full = await ask(api.port)
        assert (full.status, full.header("retry-after")) == (503, "5")
        assert msgspec.json.decode(full.body)["error"]["code"] == "unavailable"
        app.may_answer.set()
        for client in busy:
            assert (await client.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
            await client.close()
        await api.is_empty()
        assert await api.answers()


async def test_who_does_not_take_the_answers_is_cut_off() -> None:
    """What waits for a client that asks and does not read is given up after a while."""
    limits = Limits(answer_within=0.2, head_within=0.2)
    async with serving(App(8 * 1024 * 1024), limits) as api:
        client = await api.connect(GET * 4)
        await eventually(lambda: api.door.cut_off == 1)
        await api.is_empty()
        await client.close()


async def test_more_requests_in_a_row_than_anyone_sends() -> None:
    """A read may bring thousands of requests: they are not all taken on."""
    app = App()
    app.may_answer.clear()
    async with serving(app, Limits()) as api:
        client = await api.connect(GET * 2000)
        assert await client.rest() == b""
        await client.close()
        await api.is_empty()
        assert app.asked == 1
        app.may_answer.set()
        assert await api.answers()


async def test_a_few_requests_in_a_row() -> None:
    """Pipelining works, in order."""
    async with serving(App(), Limits()) as api:
        client = await api.connect(GET * 10)
        async with asyncio.timeout(SOON):
            for _ in range(10):
                head = await client.reader.readuntil(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 200 ")
                assert await client.reader.readexactly(2) == b"xx"
        await client.close()
        await api.is_empty()


class Nobody:
    def __init__(self) -> None:
        self.gone = False

    def cut_off(self) -> None:
        self.gone = True


async def test_an_address_has_its_share_of_connections() -> None:
    """Proxies and private networks speak for many, and are not counted."""
    door = Door(Limits(connections_per_address=2))
    guests: list[Guest] = [Nobody() for _ in range(8)]
    assert [door.enter(guest, "8.8.8.8") for guest in guests[:3]] == [None, None, problems.CROWDED]
    assert door.enter(guests[3], "9.9.9.9") is None
    assert [door.enter(guest, "10.0.0.1") for guest in guests[4:8]] == [None] * 4
    door.leave(guests[2])
    door.leave(guests[0])
    late = Nobody()
    assert door.enter(late, "8.8.8.8") is None


tokens = st.sampled_from(
    [
        *(b"GET / HTTP/1.1", b"GET /", b"\r\n", b"\r\n\r\n", b"\n", b" ", b":", b"Host: x\r\n"),
        *(b"POST / HTTP/1.0", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"CONNECT x:1 HTTP/1.1\r\n\r\n"),
        *(b"Content-Length: 5\r\n", b"Content-Length: -1\r\n", b"Content-Length: 9" * 9),
        *(b"Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n", b"0\r\n\r\n", b"ffffffffffffffff"),
        *(b"Connection: close\r\n", b"Connection: upgrade\r\nUpgrade: h2c\r\n", b"Expect: 100-"),
        *(b"Expect: 100-continue\r\n", b"\x00", b"\xff\xfe", b"%00%ff/..", b"\x16\x03\x01", GET),
    ]
)


@pytest.fixture
async def api(caplog: pytest.LogCaptureFixture) -> AsyncIterator[Api]:
    """Nothing of what the test does may be worth an error."""
    async with serving(App(), Limits(pipelined=4)) as api:
        yield api
    assert [one.getMessage() for one in caplog.records if one.levelno >= logging.ERROR] == []


@given(
    sent=st.lists(tokens | st.binary(max_size=50), max_size=15).map(b"".join),
    size=st.integers(1, 300),
    reset=st.booleans(),
)
async def test_bytes_of_every_kind(api: Api, sent: bytes, size: int, reset: bool) -> None:
    """An answer or the end; nothing is left behind, and others are answered."""
    client = await api.connect()
    with suppress(ConnectionError):
        for start in range(0, len(sent), size):
            client.writer.write(sent[start : start + size])
            await client.writer.drain()
        if reset:
            client.writer.transport.abort()
        else:
            client.writer.write_eof()
    answer = await client.rest()
    await client.close()
    assert answer == b"" or answer.startswith(b"HTTP/1.1 ")
    assert b"erver:" not in answer
    await api.is_empty()
    assert await api.answers()
    await api.is_empty()
