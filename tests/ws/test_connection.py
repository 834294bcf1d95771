"""One socket: the handshake, frames that clients send, pings, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct

import pytest

from services.ws.limits import REFUSED_CONNECTIONS, WsLimits
from shared.telemetry.metrics import total
from testing.eventually import PATIENCE
from tests.ws.ws_fixture import ANNA, Raw, Room, number_of, receive, until, until_closed

TEXT, BINARY, CONT, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10


async def test_messages_are_ignored(room: Room) -> None:
    """What a client says changes nothing, up to 4 KiB a message."""
    await room.show(ANNA, 1)
    async with room.serving() as ws, ws.client(ANNA) as client:
        await receive(client)
        await client.send("subscribe me to everything")
        await client.send(b"\x00" * 4096)
        await room.show(ANNA, 2)
        assert number_of(await receive(client)) == 2


@pytest.mark.parametrize("fragments", [1, 2])
async def test_a_message_over_4_kib(room: Room, fragments: int) -> None:
    """A message over 4 KiB closes with 1009, in one piece or in several."""
    await room.show(ANNA, 1)
    async with room.serving() as ws, ws.client(ANNA) as client:
        await receive(client)
        size = -(-4097 // fragments)
        await client.send("x" * size if fragments == 1 else ["x" * size] * fragments)
        assert (await until_closed(client))[1] == 1009


async def test_a_flood_of_messages(room: Room) -> None:
    """More messages than anyone needs are answered with rate_limited and 4429."""
    await room.show(ANNA, 1)
    async with room.serving(WsLimits(frames=10)) as ws, ws.client(ANNA) as client:
        await receive(client)
        for _ in range(11):
            await client.send("hello")
        frames, code = await until_closed(client)
        assert (code, frames[-1]["d"]["code"]) == (4429, "rate_limited")
        assert frames[-1]["user_id"] is None


async def test_messages_within_the_limit(room: Room) -> None:
    """The count starts anew after its time, so that a slow talker is no flood."""
    await room.show(ANNA, 1)
    async with (
        room.serving(WsLimits(frames=3, frames_within=0.05)) as ws,
        ws.client(ANNA) as client,
    ):
        await receive(client)
        for number in range(2, 8):
            await client.send("hello")
            await asyncio.sleep(0.03)
            await room.show(ANNA, number)
            assert number_of(await receive(client)) == number


async def test_a_flood_in_one_go_is_not_all_read(room: Room) -> None:
    """A hundred thousand frames in one write cost no more than the first few."""
    await room.show(ANNA, 1)
    async with room.serving() as ws:
        raw = await ws.raw(ANNA)
        raw.writer.write(b"\x8a\x80\x00\x00\x00\x00" * 100_000)
        assert await raw.close_code() == 4429
        await raw.hang_up()


async def test_control_frames_between_fragments(room: Room) -> None:
    """A ping inside a fragmented message is answered at once, and the message may go on."""
    await room.show(ANNA, 1)
    async with room.serving() as ws:
        raw = await ws.raw(ANNA)
        assert (await raw.frame())[0] == TEXT
        raw.send(TEXT, "h€".encode()[:2], fin=False)
        raw.send(PING, b"alive?")
        assert await raw.frame() == (PONG, b"alive?")
        raw.send(CONT, "h€".encode()[2:], fin=True)
        raw.send(PING, b"and now?")
        assert await raw.frame() == (PONG, b"and now?")
        await raw.hang_up()


async def test_bytes_one_by_one(room: Room) -> None:
    """Frames may come in any pieces, and the handshake too."""
    await room.show(ANNA, 1)
    async with room.serving() as ws:
        raw = await ws.raw(ANNA)
        assert (await raw.frame())[0] == TEXT
        for byte in b"\x89\x82\x01\x02\x03\x04" + bytes([ord("h") ^ 1, ord("i") ^ 2]):
            raw.writer.write(bytes([byte]))
            await raw.writer.drain()
        assert await raw.frame() == (PONG, b"hi")
        await raw.hang_up()


async def test_frames_right_behind_the_handshake(room: Room) -> None:
    """What a hasty client sends together with its request is read after it."""
    await room.show(ANNA, 1)
    async with room.serving() as ws:
        raw = Raw(*await asyncio.open_connection("127.0.0.1", ws.port))
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


async def test_the_client_closes(room: Room) -> None:
    """A client's Close is answered with the same code, and the user is left alone."""
    await room.show(ANNA, 1)
    async with room.serving() as ws:
        raw = await ws.raw(ANNA)
        await raw.frame()
        raw.send(CLOSE, struct.pack("!H", 1000) + b"bye")
        assert await raw.frame() == (CLOSE, struct.pack("!H", 1000) + b"bye")
        assert await raw.ended() == b""
        await raw.hang_up()
        await until(lambda: ws.counters.connections == 0)


async def test_the_client_vanishes(room: Room) -> None:
    """A reset in the middle of everything leaves nothing behind."""
    await room.show(ANNA, 1)
    async with room.serving(WsLimits(linger=0.01)) as ws:
        raw = await ws.raw(ANNA)
        reset(raw)
        await until(lambda: ws.counters.connections == 0)
        await until(lambda: ws.hub.users == 0)


async def test_a_handshake_that_takes_too_long(room: Room) -> None:
    """Who opens a socket and says too little is dropped."""
    async with room.serving(WsLimits(handshake_within=0.05, ping_every=0.4)) as ws:
        raw = Raw(*await asyncio.open_connection("127.0.0.1", ws.port))
        raw.writer.write(b"GET / HTTP/1.1\r\n")
        assert await raw.ended() == b""
        await raw.hang_up()
        await until(lambda: ws.counters.connections == 0)


async def test_half_open_handshakes_shut_nobody_out(room: Room) -> None:
    """At most so many wait at once: whoever has waited longest makes room."""
    await room.show(ANNA, 1)
    async with room.serving(WsLimits(handshakes=3)) as ws:
        idle = [Raw(*await asyncio.open_connection("127.0.0.1", ws.port)) for _ in range(5)]
        await until(lambda: ws.counters.connections == ws.context.limiter.pending == 3)
        assert await idle[0].ended() == await idle[1].ended() == b""
        async with ws.client(ANNA) as client:
            assert number_of(await receive(client)) == 1
            assert ws.context.limiter.pending == 2
        for raw in idle:
            await raw.hang_up()
        await until(lambda: ws.counters.connections == ws.context.limiter.pending == 0)


async def test_half_open_handshakes_on_a_full_server(room: Room) -> None:
    """They do not take the files that are left for telling others that it is full."""
    async with room.serving(WsLimits(connections=0)) as ws:
        idle = [Raw(*await asyncio.open_connection("127.0.0.1", ws.port)) for _ in range(200)]
        await until(lambda: ws.counters.connections == REFUSED_CONNECTIONS)
        for raw in idle:
            await raw.hang_up()
        await until(lambda: ws.counters.connections == 0)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 40_000 + b"\r\n\r\n", b"431"),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"414"),
        (b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", b"400"),
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
async def test_requests_that_make_no_sense(room: Room, sent: bytes, status: bytes) -> None:
    """Nonsense gets an HTTP answer, then the end."""
    async with room.serving() as ws:
        raw = Raw(*await asyncio.open_connection("127.0.0.1", ws.port))
        raw.writer.write(sent)
        answer = await raw.ended()
        assert answer.startswith(b"HTTP/1.1 " + status + b" ")
        await raw.hang_up()


async def test_pings(room: Room) -> None:
    """The server pings, and whoever answers stays."""
    await room.show(ANNA, 1)
    async with room.serving(WsLimits(ping_every=0.04)) as ws:
        raw = await ws.raw(ANNA)
        assert (await raw.frame())[0] == TEXT
        for _ in range(4):
            assert await raw.frame() == (PING, b"")
            raw.send(PONG)
        await raw.hang_up()


async def test_no_pong(room: Room) -> None:
    """Who answers no ping is closed with 4408, then cut off."""
    await room.show(ANNA, 1)
    async with room.serving(WsLimits(ping_every=0.05, close_within=0.05)) as ws:
        raw = await ws.raw(ANNA)
        assert await raw.close_code() == 4408
        await raw.ended()
        await raw.hang_up()
        assert total(ws.counters.dropped) == 1


async def test_our_close_is_not_answered(room: Room) -> None:
    """Who does not answer our Close is cut off after a while."""
    async with room.serving(WsLimits(ping_every=0.2, close_within=0.05)) as ws:
        raw = await ws.raw(ANNA)
        assert await raw.close_code() == 4404
        raw.send(PING)
        await raw.ended()
        await raw.hang_up()
        await until(lambda: ws.counters.connections == 0)


def reset(raw: Raw) -> None:
    """Close without a goodbye: RST instead of FIN."""
    line = raw.writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raw.writer.transport.abort()
