"""Clients that say little, say too much or do not listen: real sockets, small limits."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import msgspec
import pytest

from shared.http import errors
from shared.http.connection_limiter import ConnectionLimiter, ConnectionLimits, LimitedConnection
from testing.eventually import PATIENCE, eventually
from tests.api.http_client import ask
from tests.api.http_fixture import GET, App, Client, serving

NEVER = 3600.0
HASTY = ConnectionLimits(head_within=0.2, answer_within=NEVER)


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
    "sent",
    [
        b"GET /" + b"x" * 300_000,
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 50_000,
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200,
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n",
    ],
)
async def test_headers_without_an_end(sent: bytes) -> None:
    """Too much is told, and not kept."""
    async with serving(App(), ConnectionLimits()) as api:
        client = await api.connect(sent)
        answer = await client.rest()
        await client.close()
        await api.is_empty()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 431 ")
    assert msgspec.json.decode(body)["success"] is False


async def test_a_newcomer_gets_the_place_of_who_has_waited_longest() -> None:
    """Idle connections by the thousand shut nobody out."""
    async with serving(App(), ConnectionLimits(connections=3, head_within=NEVER)) as api:
        idle = [await api.connect(b"GET") for _ in range(3)]
        await eventually(lambda: api.door.connections == 3)
        assert await api.answers()
        assert await idle[0].rest() == b""
        assert api.door.cut_off == 1
        for client in idle:
            await client.close()
        await api.is_empty()


async def test_at_most_so_many_wait() -> None:
    """Heads that are not whole take memory: their number is bounded, whatever files allow."""
    async with serving(App(), ConnectionLimits(waiting=2, head_within=NEVER)) as api:
        idle = [await api.connect(b"GET") for _ in range(4)]
        await eventually(lambda: api.door.connections == 2)
        assert await idle[0].rest() == await idle[1].rest() == b""
        assert await api.answers()
        for client in idle:
            await client.close()
        await api.is_empty()


async def test_a_full_house_says_so() -> None:
    """503 while every place is taken by a request under way; then places are free again."""
    app = App()
    app.may_answer.clear()
    async with serving(app, ConnectionLimits(connections=2)) as api:
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
    limits = ConnectionLimits(answer_within=0.2, head_within=0.2)
    async with serving(App(8 * 1024 * 1024), limits) as api:
        client = await api.connect(GET * 4)
        await eventually(lambda: api.door.cut_off == 1)
        await api.is_empty()
        await client.close()


async def test_more_requests_in_a_row_than_anyone_sends() -> None:
    """A read may bring thousands of requests: they are not all taken on."""
    app = App()
    app.may_answer.clear()
    async with serving(app, ConnectionLimits()) as api:
        client = await api.connect(GET * 2000)
        assert await client.rest() == b""
        await client.close()
        await api.is_empty()
        assert app.asked == 1
        app.may_answer.set()
        assert await api.answers()


async def test_a_few_requests_in_a_row() -> None:
    """Pipelining works, in order."""
    async with serving(App(), ConnectionLimits()) as api:
        client = await api.connect(GET * 10)
        async with asyncio.timeout(PATIENCE):
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
    door = ConnectionLimiter(ConnectionLimits(connections_per_address=2))
    guests: list[LimitedConnection] = [Nobody() for _ in range(8)]
    assert [door.enter(guest, "8.8.8.8") for guest in guests[:3]] == [None, None, errors.CROWDED]
    assert door.enter(guests[3], "9.9.9.9") is None
    assert [door.enter(guest, "10.0.0.1") for guest in guests[4:8]] == [None] * 4
    door.leave(guests[2])
    door.leave(guests[0])
    late = Nobody()
    assert door.enter(late, "8.8.8.8") is None
