"""One connection: the handshake, the client's frames, pings, and its end."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct

import pytest

from services.ws.limits import REFUSED_CONNECTIONS, WsLimits
from shared.telemetry.metrics import total
from testing.eventually import PATIENCE, eventually
from tests.ws.ws_fixture import (
    ANNA,
    HARMLESS,
    Backend,
    RawClient,
    number_of,
    receive,
    until_closed,
)

TEXT, BINARY, CONT, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10

UPGRADE = (  # without Host
    b"GET /?user_id=1274150219482660897 HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


async def test_a_message_of_4_kib(backend: Backend) -> None:
    """It is read, whatever it holds: the connection stays open."""
    await backend.show(ANNA, 1)
    async with backend.serving() as ws, ws.client(ANNA) as client:
        await receive(client)
        await client.send(b"\x00" * 4096)
        assert (await receive(client))["d"]["code"] == "invalid_message"
        await backend.show(ANNA, 2)
        assert number_of(await receive(client)) == 2


@pytest.mark.parametrize("fragments", [1, 2])
async def test_a_message_over_4_kib(backend: Backend, fragments: int) -> None:
    """A message over 4 KiB closes with 1009, in one piece or in several."""
    await backend.show(ANNA, 1)
    async with backend.serving() as ws, ws.client(ANNA) as client:
        await receive(client)
        size = -(-4097 // fragments)
        await client.send("x" * size if fragments == 1 else ["x" * size] * fragments)
        assert (await until_closed(client))[1] == 1009


async def test_a_flood_of_messages(backend: Backend) -> None:
    """Messages above the limit are answered with rate_limited and 4429."""
    await backend.show(ANNA, 1)
    async with backend.serving(WsLimits(frames=10)) as ws, ws.client(ANNA) as client:
        await receive(client)
        for _ in range(11):
            await client.send(HARMLESS)
        frames, code = await until_closed(client)
        assert (code, frames[-1]["d"]["code"]) == (4429, "rate_limited")
        assert frames[-1]["user_id"] is None


async def test_messages_within_the_limit(backend: Backend) -> None:
    """The count restarts after its time, so a slow sender stays below the limit."""
    await backend.show(ANNA, 1)
    async with (
        backend.serving(WsLimits(frames=3, frames_within=0.05)) as ws,
        ws.client(ANNA) as client,
    ):
        await receive(client)
        for number in range(2, 8):
            await client.send(HARMLESS)
            await asyncio.sleep(0.03)
            await backend.show(ANNA, number)
            assert number_of(await receive(client)) == number


async def test_a_flood_in_one_go_is_not_all_read(backend: Backend) -> None:
    """Of a hundred thousand frames in one write, only the first few are parsed."""
    await backend.show(ANNA, 1)
    async with backend.serving() as ws:
        raw = await ws.raw(ANNA)
        raw.writer.write(b"\x8a\x80\x00\x00\x00\x00" * 100_000)
        assert await raw.close_code() == 4429
        await raw.hang_up()


async def test_control_frames_between_fragments(backend: Backend) -> None:
    """A ping between the fragments of a message is answered at once."""
    await backend.show(ANNA, 1)
    async with backend.serving() as ws:
        raw = await ws.raw(ANNA)
        assert (await raw.frame())[0] == TEXT
        raw.send(TEXT, "h€".encode()[:2], fin=False)
        raw.send(PING, b"alive?")
        assert await raw.frame() == (PONG, b"alive?")
        raw.send(CONT, "h€".encode()[2:], fin=True)
        raw.send(PING, b"and now?")
        assert await raw.frame() == (PONG, b"and now?")
        await raw.hang_up()


async def test_bytes_one_by_one(backend: Backend) -> None:
    """Frames may arrive in any pieces, like the handshake."""
    await backend.show(ANNA, 1)
    async with backend.serving() as ws:
        raw = await ws.raw(ANNA)
        assert (await raw.frame())[0] == TEXT
        for byte in b"\x89\x82\x01\x02\x03\x04" + bytes([ord("h") ^ 1, ord("i") ^ 2]):
            raw.writer.write(bytes([byte]))
            await raw.writer.drain()
        assert await raw.frame() == (PONG, b"hi")
        await raw.hang_up()


async def test_frames_right_behind_the_handshake(backend: Backend) -> None:
    """Frames that arrive together with the request are read after it."""
    await backend.show(ANNA, 1)
    async with backend.serving() as ws:
        raw = RawClient(*await asyncio.open_connection("127.0.0.1", ws.port))
        raw.writer.write(
            f"GET /?user_id={ANNA} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode()
            + b"\x89\x80\x00\x00\x00\x00"
        )
        async with asyncio.timeout(PATIENCE):
            head = await raw.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ")
        assert {(await raw.frame())[0] for _ in range(2)} == {TEXT, PONG}
        await raw.hang_up()


async def test_the_client_closes(backend: Backend) -> None:
    """A client's Close is answered with the same code, and the connection ends."""
    await backend.show(ANNA, 1)
    async with backend.serving() as ws:
        raw = await ws.raw(ANNA)
        await raw.frame()
        raw.send(CLOSE, struct.pack("!H", 1000) + b"bye")
        assert await raw.frame() == (CLOSE, struct.pack("!H", 1000) + b"bye")
        assert await raw.ended() == b""
        await raw.hang_up()
        await eventually(lambda: ws.counters.connections == 0)


async def test_the_client_vanishes(backend: Backend) -> None:
    """A reset leaves nothing behind."""
    await backend.show(ANNA, 1)
    async with backend.serving(WsLimits(linger=0.01)) as ws:
        raw = await ws.raw(ANNA)
        reset(raw)
        await eventually(lambda: ws.counters.connections == 0)
        await eventually(lambda: ws.hub.users == 0)


async def test_a_handshake_that_takes_too_long(backend: Backend) -> None:
    """A connection that sends too little is dropped."""
    async with backend.serving(WsLimits(handshake_within=0.05, ping_every=0.4)) as ws:
        raw = RawClient(*await asyncio.open_connection("127.0.0.1", ws.port))
        raw.writer.write(b"GET / HTTP/1.1\r\n")
        assert await raw.ended() == b""
        await raw.hang_up()
        await eventually(lambda: ws.counters.connections == 0)


async def test_half_open_handshakes_exclude_no_new_client(backend: Backend) -> None:
    """At most so many are pending: the oldest makes way for a new one."""
    await backend.show(ANNA, 1)
    async with backend.serving(WsLimits(handshakes=3)) as ws:
        idle = [RawClient(*await asyncio.open_connection("127.0.0.1", ws.port)) for _ in range(5)]
        await eventually(lambda: ws.counters.connections == ws.context.limiter.pending == 3)
        assert await idle[0].ended() == await idle[1].ended() == b""
        async with ws.client(ANNA) as client:
            assert number_of(await receive(client)) == 1
            assert ws.context.limiter.pending == 2
        for raw in idle:
            await raw.hang_up()
        await eventually(lambda: ws.counters.connections == ws.context.limiter.pending == 0)


async def test_half_open_handshakes_on_a_full_server(backend: Backend) -> None:
    """They do not use up the files that are reserved for answering 503."""
    async with backend.serving(WsLimits(connections=0)) as ws:
        idle = [RawClient(*await asyncio.open_connection("127.0.0.1", ws.port)) for _ in range(200)]
        await eventually(lambda: ws.counters.connections == REFUSED_CONNECTIONS)
        for raw in idle:
            await raw.hang_up()
        await eventually(lambda: ws.counters.connections == 0)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 40_000 + b"\r\n\r\n", b"431"),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"414"),
        (b"GET /" + b"x" * 66_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"431"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 200 + b"\r\n", b"431"),
        (b"GET /health HTTP/1.1\r\n\r\n", b"400"),
        (b"GET /health HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", b"400"),
        (b"GET /health HTTP/1.1\r\nHost: x/y\r\n\r\n", b"400"),
        (b"GET /health HTTP/1.0\r\n\r\n", b"200"),
        (UPGRADE, b"400"),
        (UPGRADE.replace(b"Upgrade: ", b"Host: x\r\nHost: x\r\nUpgrade: ", 1), b"400"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", b"400"),
        (
            b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\n\r\n",
            b"400",
        ),
        (
            b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 8\r\n\r\n",
            b"400",
        ),
        (b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nUpgrade: h2c\r\nHost: x\r\n\r\n", b"426"),
    ],
)
async def test_requests_that_make_no_sense(backend: Backend, sent: bytes, status: bytes) -> None:
    """Invalid requests get an HTTP response, then the connection ends."""
    async with backend.serving() as ws:
        raw = RawClient(*await asyncio.open_connection("127.0.0.1", ws.port))
        raw.writer.write(sent)
        answer = await raw.ended()
        assert answer.startswith(b"HTTP/1.1 " + status + b" ")
        assert b"\r\nAccess-Control-Allow-Origin: *\r\n" in answer
        assert b"\r\nContent-Type: application/json" in answer
        await raw.hang_up()


@pytest.mark.parametrize("target", ["http://x/", "http://x", "ws://x/socket", "//"])
async def test_any_request_target(backend: Backend, target: str) -> None:
    """RFC 9112, 3.2.2: a server takes the absolute form that proxies may send."""
    await backend.show(ANNA, 1)
    async with backend.serving() as ws:
        raw = RawClient(*await asyncio.open_connection("127.0.0.1", ws.port))
        sent = UPGRADE.replace(b" HTTP/1.1\r\n", b" HTTP/1.1\r\nHost: x\r\n")
        raw.writer.write(sent.replace(b"GET /?user_id=", b"GET %b?user_id=" % target.encode()))
        async with asyncio.timeout(PATIENCE):
            head = await raw.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ")
        raw.head = head
        await raw.hang_up()


async def test_pings(backend: Backend) -> None:
    """The server pings, and a client that answers stays connected."""
    await backend.show(ANNA, 1)
    async with backend.serving(WsLimits(ping_every=0.04)) as ws:
        raw = await ws.raw(ANNA)
        assert (await raw.frame())[0] == TEXT
        for _ in range(4):
            assert await raw.frame() == (PING, b"")
            raw.send(PONG)
        await raw.hang_up()


async def test_no_pong(backend: Backend) -> None:
    """A client that answers no ping is closed with 4408, then disconnected."""
    await backend.show(ANNA, 1)
    async with backend.serving(WsLimits(ping_every=0.05, close_within=0.05)) as ws:
        raw = await ws.raw(ANNA)
        assert await raw.close_code() == 4408
        await raw.ended()
        await raw.hang_up()
        assert total(ws.counters.dropped) == 1


async def test_our_close_is_not_answered(backend: Backend) -> None:
    """A client that does not answer the server's Close is disconnected after a while."""
    async with backend.serving(WsLimits(ping_every=0.2, close_within=0.05)) as ws:
        raw = await ws.raw(ANNA)
        assert await raw.close_code() == 4404
        raw.send(PING)
        await raw.ended()
        await raw.hang_up()
        await eventually(lambda: ws.counters.connections == 0)


def reset(raw: RawClient) -> None:
    """Close with RST instead of FIN."""
    line = raw.writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raw.writer.transport.abort()
