"""WebSockets on the api's port: passed on to ws, whose frames and closes are not changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus

from services.api.http.websocket_forwarding import ForwardingTimings, WebSocketForwarder
from services.ws.events import wire
from shared.http.connection_limits import ConnectionLimits
from testing.event_stream import EventStreamClient
from testing.eventually import PATIENCE, eventually
from testing.free_port import free_port
from tests.shared.http.http_fixture import GET, Api, App, serving

LIMITS = ConnectionLimits(max_connections=20)
TIMINGS = ForwardingTimings(connect_within=PATIENCE, retry_every=0.05, close_within=0.1)
HASTY = msgspec.structs.replace(TIMINGS, connect_within=0.3)


class Upstream:
    """In place of ws: echoes messages, and keeps the handshakes."""

    def __init__(self) -> None:
        self.port = 0
        self.handshakes: list[tuple[str, str]] = []  # path and X-Forwarded-For
        self.open = 0

    async def talk(self, client: ServerConnection) -> None:
        assert client.request is not None
        forwarded = ", ".join(client.request.headers.get_all("X-Forwarded-For"))
        self.handshakes.append((client.request.path, forwarded))
        self.open += 1
        try:
            async for message in client:
                if message == "close":
                    await client.close(4004, "unknown_opcode")
                await client.send(message)
        except ConnectionClosed:
            pass
        finally:
            self.open -= 1


@asynccontextmanager
async def forwarding(
    limits: ConnectionLimits = LIMITS,
    *,
    ws_port: int = 0,
    listening: bool = True,
    timings: ForwardingTimings = TIMINGS,
) -> AsyncIterator[tuple[Api, Upstream]]:
    upstream = Upstream()
    async with AsyncExitStack() as stack:
        upstream.port = ws_port or free_port()
        if listening:
            await stack.enter_async_context(serve(upstream.talk, "127.0.0.1", upstream.port))
        made: list[WebSocketForwarder] = []

        def forwarder(limiter: object) -> WebSocketForwarder:
            url = f"ws://127.0.0.1:{upstream.port}"
            made.append(WebSocketForwarder(url, limiter, timings))  # type: ignore[arg-type]
            return made[0]

        api = await stack.enter_async_context(serving(App(), limits, forwarder))
        async with made[0]:
            yield api, upstream


async def test_both_ways_and_any_path() -> None:
    """Messages of all sizes pass, REST goes on beside them, and the path is kept."""
    async with forwarding() as (api, upstream):
        for path in ("/socket", "/?user_id=1", "/socket?compression=zlib_json"):
            async with connect(f"ws://127.0.0.1:{api.port}{path}", max_size=None) as client:
                for message in ("hello", b"binary", "x" * 1_000_000):
                    await client.send(message)
                    assert await client.recv() == message
                assert await api.answers()
            assert upstream.handshakes[-1] == (path, "127.0.0.1")
        await eventually(lambda: upstream.open == 0)
        await api.is_empty()


async def test_the_visitor_is_named() -> None:
    """After what proxies in front have written: ws reads it from the right."""
    async with forwarding() as (api, upstream):
        url = f"ws://127.0.0.1:{api.port}/socket"
        async with connect(url, additional_headers={"X-Forwarded-For": "93.184.216.34"}):
            pass
        assert upstream.handshakes == [("/socket", "93.184.216.34, 127.0.0.1")]


async def test_close_codes_pass() -> None:
    """The client sees the code and the reason of ws, not a broken connection."""
    async with (
        forwarding() as (api, _),
        connect(f"ws://127.0.0.1:{api.port}/socket") as client,
    ):
        await client.send("close")
        with pytest.raises(ConnectionClosed):
            await client.recv()
        assert (client.close_code, client.close_reason) == (4004, "unknown_opcode")


async def test_a_client_that_goes_away() -> None:
    """ws notices at once, also when the connection just breaks."""
    async with forwarding() as (api, upstream):
        client = await connect(f"ws://127.0.0.1:{api.port}/socket")
        await eventually(lambda: upstream.open == 1)
        client.transport.abort()
        await eventually(lambda: upstream.open == 0)
        await api.is_empty()


async def test_ws_restarts() -> None:
    """A handshake waits for it: most of Lanyard's clients would repeat a refused one at once."""
    async with forwarding(listening=False) as (api, upstream):
        connecting = asyncio.create_task(connect(f"ws://127.0.0.1:{api.port}/socket").__aenter__())
        await eventually(lambda: api.limiter.connections > 0)
        async with serve(upstream.talk, "127.0.0.1", upstream.port):
            async with asyncio.timeout(PATIENCE):
                client = await connecting
            await client.send("hello")
            assert await client.recv() == "hello"
            await client.close()


async def test_ws_is_away() -> None:
    """503, after a while."""
    async with forwarding(listening=False, timings=HASTY) as (api, _):
        with pytest.raises(InvalidStatus) as refused:
            await connect(f"ws://127.0.0.1:{api.port}/socket")
        assert refused.value.response.status_code == 503
        assert refused.value.response.headers["Retry-After"]
        await api.is_empty()


async def test_the_connection_limit_counts_both_sides() -> None:
    """Each takes a file descriptor."""
    limits = ConnectionLimits(max_connections=3)
    async with forwarding(limits) as (api, _):
        async with connect(f"ws://127.0.0.1:{api.port}/socket"):
            assert api.limiter.connections == 2
            with pytest.raises(InvalidStatus) as refused:
                await connect(f"ws://127.0.0.1:{api.port}/socket")
            assert refused.value.response.status_code == 503
        await api.is_empty()


async def test_a_handshake_that_does_not_wait_for_other_responses() -> None:
    """It is refused: frames and responses would come in one stream."""
    handshake = GET.replace(b"\r\n\r\n", b"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
    async with forwarding() as (api, upstream):
        client = await api.connect(GET + handshake)
        assert b" 400 " in await client.rest()
        await client.close()
        assert upstream.handshakes == []


@pytest.mark.parametrize("cut", range(-4, 1))
async def test_what_follows_the_handshake_is_passed_on(cut: int) -> None:
    """In the same write or later, and wherever the end of the head is cut in two."""
    head = (
        b"GET /socket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    text = b"\x81\x86\0\0\0\0" + b"\r\n\r\n!!"
    cut += len(head)
    async with forwarding() as (api, _):
        client = await api.connect(head[:cut])
        await asyncio.sleep(0.05 if cut < len(head) else 0)  # so that it is received alone
        client.writer.write(head[cut:] + text)
        async with asyncio.timeout(PATIENCE):
            await client.reader.readuntil(b"\r\n\r\n")
            assert await client.reader.readexactly(8) == b"\x81\x06\r\n\r\n!!"
        await client.close()


class Streams:
    """In place of ws: answers every request with an event, and keeps the heads."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []
        self.open = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        self.heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(wire.HEAD + wire.presence_update(1, b"{}"))
        await reader.read()
        writer.close()
        self.open -= 1


async def test_event_streams_are_passed_on() -> None:
    """After other requests on the same connection, with the client's address, and at once."""
    streams = Streams()
    async with await asyncio.start_server(streams.answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with forwarding(ws_port=port, listening=False) as (api, _):
            reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
            client = EventStreamClient(reader, writer)
            async with asyncio.timeout(PATIENCE):
                writer.write(GET)
                assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
                assert await reader.readexactly(2) == b"xx"
                writer.write(b"GET /events?user_id=1 HTTP/1.1\r\nHost: x\r\n\r\nignored")
                await client.read_head()
                event = await client.event()
            assert event is not None
            assert event.type == "presence_update"
            (head,) = streams.heads
            assert head.startswith(b"GET /events?user_id=1 HTTP/1.1\r\n")
            assert b"\r\nx-forwarded-for: 127.0.0.1\r\n" in head
            client.close()
            await eventually(lambda: not streams.open)
            await api.is_empty()


async def test_a_request_for_events_that_does_not_wait_for_other_responses() -> None:
    """It is refused: events and responses would come in one stream."""
    async with forwarding() as (api, upstream):
        client = await api.connect(GET + GET.replace(b"/ ", b"/events "))
        assert b" 400 " in await client.rest()
        await client.close()
        assert upstream.handshakes == []
