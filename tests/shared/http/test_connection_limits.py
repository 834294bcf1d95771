"""Clients that send too little, send too much or do not read: real sockets, small limits."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import msgspec
import pytest
from starlette.types import Receive, Scope, Send

from shared.http import errors
from shared.http.connection_limits import ConnectionLimits, HttpConnectionLimiter
from testing.eventually import PATIENCE, eventually
from tests.api.http_client import ask
from tests.shared.http.http_fixture import GET, App, Client, serving

NEVER_S = 3600.0
HASTY = ConnectionLimits(head_timeout_s=0.2, response_timeout_s=NEVER_S)


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"GET /us", id="half a line"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\n", id="headers without an end"),
        pytest.param(GET + b"GET /us", id="half a line after an answer"),
        pytest.param(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx", id="half a body"),
    ],
)
async def test_an_incomplete_request_is_closed_at_its_deadline(sent: bytes) -> None:
    """After ten seconds (here fewer); other clients are answered meanwhile."""
    async with serving(App(), HASTY) as api:
        client = await api.connect(sent)
        assert await api.answers()
        await client.rest()
        await client.close()
        assert api.limiter.closed == 1
        await api.is_empty()


async def test_a_slow_loris_is_closed_at_its_deadline() -> None:
    """A byte at a time does not move the deadline."""

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
        assert api.limiter.closed == 1
        await api.is_empty()


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /" + b"x" * 300_000,
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 50_000,
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200,
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 33_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"GET /?" + b"y" * 33_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /" + b"y" * 66_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /" + b"y" * 66_000 + b" HTTP/1.0\r\n\r\n",
    ],
)
async def test_oversized_heads_get_431(sent: bytes) -> None:
    """What is over the limit is not kept, and not served either when one read brings it all."""
    app = App()
    async with serving(app, ConnectionLimits()) as api:
        client = await api.connect(sent)
        answer = await client.rest()
        await client.close()
        await api.is_empty()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 431 ")
    assert msgspec.json.decode(body)["success"] is False
    assert app.asked == 0


async def test_a_head_just_below_the_limit_is_served() -> None:
    """The limit of docs/api.md, also for the second of two requests that arrive at once."""
    large = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: " + b"y" * 32_600
    async with serving(App(), ConnectionLimits()) as api:
        client = await api.connect(GET + large + b"\r\n\r\n")
        answer = await client.rest()
        await client.close()
    assert answer.count(b"HTTP/1.1 200 ") == 2


@pytest.mark.parametrize(
    ("version", "hosts", "status"),
    [
        ("1.1", [], 400),
        ("1.1", ["a", "b"], 400),
        ("1.1", ["a", "a"], 400),
        ("1.0", ["a", "b"], 400),
        ("1.1", ["a b"], 400),
        ("1.1", ["a/b"], 400),
        ("1.1", ["a@b"], 400),
        ("1.1", ["a:port"], 400),
        ("1.1", [""], 200),
        ("1.1", ["a.example:8000"], 200),
        ("1.1", ["[::1]:8000"], 200),
        ("1.0", [], 200),
    ],
)
async def test_host(version: str, hosts: list[str], status: int) -> None:
    """RFC 9112, 3.2: exactly one valid Host, which HTTP/1.0 may leave out."""
    lines = [f"GET / HTTP/{version}", *(f"Host: {host}" for host in hosts), "Connection: close"]
    async with serving(App(), ConnectionLimits()) as api:
        client = await api.connect("\r\n".join([*lines, "", ""]).encode())
        answer = await client.rest()
        await client.close()
        await api.is_empty()
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    if status != 200:
        assert msgspec.json.decode(answer.partition(b"\r\n\r\n")[2]) == {
            "error": {
                "code": "bad_request",
                "message": "A request needs one valid Host header (RFC 9112, 3.2).",
            },
            "success": False,
        }


async def test_trailers_are_no_headers() -> None:
    """A proxy checks and extends X-Forwarded-For in the head, and forwards trailers as they are."""
    seen: list[tuple[bytes, bytes]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.extend(scope["headers"])
        await App()(scope, receive, send)

    async with serving(app, ConnectionLimits()) as api:
        client = await api.connect(
            b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"1\r\na\r\n0\r\nX-Forwarded-For: 9.9.9.9\r\nHost: y\r\n\r\n"
        )
        answer = await client.rest()
        await client.close()
        await api.is_empty()
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert seen == [(b"host", b"x"), (b"connection", b"close"), (b"transfer-encoding", b"chunked")]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("header", "body", "status"),
    [
        ("Content-Length: 1", "a", 400),
        ("Transfer-Encoding: chunked", "0\r\nX-Forwarded-For: 9.9.9.9\r\n\r\n", 400),
        ("Content-Length: 0", "", 200),
    ],
)
async def test_reads_have_no_body(method: str, header: str, body: str, status: int) -> None:
    """Nothing here reads one, and a proxy may see another request in it."""
    app = App()
    async with serving(app, ConnectionLimits()) as api:
        head = f"{method} / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{header}\r\n\r\n"
        client = await api.connect((head + body).encode())
        answer = await client.rest()
        await client.close()
        await api.is_empty()
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert app.asked == (status == 200)


async def test_a_newcomer_takes_the_place_of_the_longest_pending() -> None:
    """Idle connections by the thousand keep no client out."""
    async with serving(App(), ConnectionLimits(max_connections=3, head_timeout_s=NEVER_S)) as api:
        idle = [await api.connect(b"GET") for _ in range(3)]
        await eventually(lambda: api.limiter.connections == 3)
        assert await api.answers()
        assert await idle[0].rest() == b""
        assert api.limiter.closed == 1
        for client in idle:
            await client.close()
        await api.is_empty()


async def test_the_number_of_pending_connections_is_bounded() -> None:
    """Incomplete heads take memory, so there is a limit below that of open files."""
    async with serving(App(), ConnectionLimits(max_pending=2, head_timeout_s=NEVER_S)) as api:
        idle = [await api.connect(b"GET") for _ in range(4)]
        await eventually(lambda: api.limiter.connections == 2)
        assert await idle[0].rest() == await idle[1].rest() == b""
        assert await api.answers()
        for client in idle:
            await client.close()
        await api.is_empty()


async def test_a_full_server_answers_503() -> None:
    """While every place is taken by a request under way; afterwards places are free again."""
    app = App()
    app.may_answer.clear()
    async with serving(app, ConnectionLimits(max_connections=2)) as api:
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


async def test_a_client_that_does_not_read_is_closed() -> None:
    """At its deadline, so that its responses do not stay in memory."""
    limits = ConnectionLimits(response_timeout_s=0.2, head_timeout_s=0.2)
    async with serving(App(8 * 1024 * 1024), limits) as api:
        client = await api.connect(GET * 4)
        await eventually(lambda: api.limiter.closed == 1)
        await api.is_empty()
        await client.close()


async def test_too_many_pipelined_requests_are_dropped() -> None:
    """One read may bring thousands of requests: the connection is closed."""
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


async def test_pipelining_works() -> None:
    """Responses come in the order of the requests."""
    async with serving(App(), ConnectionLimits()) as api:
        client = await api.connect(GET * 10)
        async with asyncio.timeout(PATIENCE):
            for _ in range(10):
                head = await client.reader.readuntil(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 200 ")
                assert await client.reader.readexactly(2) == b"xx"
        await client.close()
        await api.is_empty()


class Peer:
    """A connection without a socket."""

    def __init__(self) -> None:
        self.address: str | None = None

    def on_deadline(self) -> None: ...


async def test_an_address_has_its_share_of_connections() -> None:
    """Proxies and private networks speak for many clients, and are not counted."""
    limiter = HttpConnectionLimiter(ConnectionLimits(max_connections_per_address=2))
    peers = [Peer() for _ in range(8)]
    assert [limiter.open(peer, "8.8.8.8") for peer in peers[:3]] == [None, None, errors.CROWDED]
    assert limiter.open(peers[3], "9.9.9.9") is None
    assert [limiter.open(peer, "10.0.0.1") for peer in peers[4:]] == [None] * 4
    assert limiter.refused == 1
    limiter.remove(peers[2])
    limiter.remove(peers[0])
    assert limiter.open(Peer(), "8.8.8.8") is None


async def test_a_websocket_is_refused_and_other_upgrades_are_ignored() -> None:
    """RFC 9110, 7.8: a server may ignore Upgrade, as for the h2c that curl offers."""
    for protocol, status in (("websocket", 400), ("WebSocket", 400), ("h2c", 200)):
        async with serving(App(), ConnectionLimits()) as api:
            lines = ("GET / HTTP/1.1", "Host: x", "Connection: Upgrade", f"Upgrade: {protocol}")
            client = await api.connect("\r\n".join((*lines, "", "")).encode())
            async with asyncio.timeout(PATIENCE):
                head = await client.reader.readuntil(b"\r\n\r\n")
            await client.close()
        assert head.startswith(b"HTTP/1.1 %d " % status)
