"""Bytes of every kind against the real server on a real socket.

More of them: `make test ARGS="tests/ws/test_fuzz.py --hypothesis-profile=fuzz"`.
"""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import AsyncIterator
from contextlib import suppress
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection

from services.ws.limits import WsLimits
from testing.eventually import eventually
from testing.logged import forget_earlier_tests
from tests.ws.ws_fixture import (
    ANNA,
    Backend,
    RawClient,
    RunningServer,
    frame,
    number_of,
    receive,
)

TEXT, BINARY, CONT, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10
NOT_FOR_THE_WIRE = {1004, 1005, 1006, 1015}  # RFC 6455 section 7.4.1
FLOOD = WsLimits(frames=20)

lengths = st.sampled_from([0, 1, 2, 124, 125, 126, 127, 4096, 4097, 65_535, 65_536])


@st.composite
def frames(draw: st.DrawFn) -> bytes:
    """One frame, right or wrong in any of its parts."""
    payload = draw(
        st.binary(max_size=200)
        | st.text(max_size=50).map(str.encode)
        | lengths.map(lambda size: b"x" * size)
        | st.integers(0, 0xFFFF).map(lambda code: struct.pack("!H", code))
    )
    return frame(
        draw(st.sampled_from([TEXT, BINARY, CONT, CLOSE, PING, PONG]) | st.integers(0, 15)),
        payload,
        fin=draw(st.booleans()),
        mask=draw(st.sampled_from([True, True, True, False])),
        rsv=draw(st.sampled_from([0, 0, 0, 0, 1, 4, 7])),
    )


lies = st.tuples(  # a header that promises anything up to 2^64 bytes
    st.integers(0, 255),
    st.sampled_from([b"\xfe", b"\xff", b"\x7f"]),
    st.binary(min_size=2, max_size=12),
).map(lambda parts: bytes([parts[0]]) + parts[1] + parts[2])

streams = st.lists(frames() | st.binary(max_size=100) | lies, min_size=1, max_size=12)

requests = st.binary(max_size=400) | st.builds(
    lambda parts: b"\r\n".join(parts) + b"\r\n\r\n",
    st.lists(
        st.sampled_from(
            [
                b"GET / HTTP/1.1",
                b"GET /?user_id=%d HTTP/1.1" % ANNA,
                b"GET //x HTTP/1.1",
                b"GET http://x/?user_id=%ff%00 HTTP/1.1",
                b"GET /?user_id=\xff\xfe HTTP/1.1",
                b"GET / HTTP/9.9",
                b"HEAD /health HTTP/1.1",
                b"Host: x",
                b"Upgrade: websocket",
                b"Upgrade: \xff, websocket",
                b"Connection: Upgrade",
                b"Connection: keep-alive, Upgrade",
                b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
                b"Sec-WebSocket-Key: x",
                b"Sec-WebSocket-Version: 13",
                b"Sec-WebSocket-Version: 99999999999999999999",
                b'Sec-WebSocket-Extensions: permessage-deflate; x="',
                b"Sec-WebSocket-Protocol: a, b",
                b"Origin: null",
                b"Content-Length: -1",
                b"Transfer-Encoding: chunked",
                b"X-Forwarded-For: ,,,\x00",
                b" folded",
                b":",
            ]
        )
        | st.binary(max_size=60),
        max_size=12,
    ),
)


class Witness:
    """A well-behaved client, which gets its updates whatever other clients do."""

    def __init__(self, backend: Backend, ws: RunningServer, client: ClientConnection) -> None:
        self._room = backend
        self.ws = ws
        self._client = client
        self._numbers = count(2)

    async def is_well(self) -> None:
        """The other clients have left nothing behind, and the next update arrives."""
        await eventually(
            lambda: self.ws.counters.connections == len(self.ws.context.keepalive) == 1
        )
        number = next(self._numbers)
        await self._room.show(ANNA, number)
        assert number_of(await receive(self._client)) == number


def read(answer: bytes) -> list[tuple[int, bytes]]:
    """The server's frames: complete, not masked, and none after a Close."""
    found = []
    while answer:
        assert answer[0] & 0xF0 == 0x80
        size, start = answer[1], 2
        assert size < 128
        if size > 125:
            start = 4 if size == 126 else 10
            size = int.from_bytes(answer[2:start])
        assert len(answer) >= start + size
        found.append((answer[0] & 15, answer[start : start + size]))
        answer = answer[start + size :]
    assert CLOSE not in [opcode for opcode, _ in found[:-1]]
    return found


async def send(raw: RawClient, sent: bytes, size: int) -> bytes:
    """Send the bytes in pieces of this size, then FIN; return everything that is received."""
    with suppress(ConnectionError):
        for start in range(0, len(sent), size):
            raw.writer.write(sent[start : start + size])
            await raw.writer.drain()
        raw.writer.write_eof()
    answer = await raw.ended()
    await raw.hang_up()
    return answer


@pytest.fixture
async def witness(backend: Backend, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Witness]:
    """Fail if the server logs a warning."""
    forget_earlier_tests(caplog)
    await backend.show(ANNA, 1)
    async with backend.serving(FLOOD) as ws, ws.client(ANNA) as client:
        await receive(client)
        yield Witness(backend, ws, client)
    assert [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING] == []


@given(stream=streams, size=st.integers(1, 3000))
async def test_frames_of_every_kind(witness: Witness, stream: list[bytes], size: int) -> None:
    """Valid and invalid ones, in any pieces: a client gets frames, and a close code if it erred."""
    sent = b"".join(stream)
    raw = await witness.ws.raw(ANNA)
    for opcode, payload in read(await send(raw, sent, size)):
        assert opcode in (TEXT, PONG, CLOSE)
        if opcode == CLOSE and payload:
            code = int.from_bytes(payload[:2])
            assert 1000 <= code < 5000
            assert code not in NOT_FOR_THE_WIRE
            payload[2:].decode()
    await witness.is_well()


@given(
    texts=st.lists(st.text(max_size=300) | st.binary(max_size=300), max_size=25),
    reset=st.booleans(),
)
async def test_messages_of_every_kind(
    witness: Witness, texts: list[str | bytes], reset: bool
) -> None:
    """The third invalid one gets 4400, too many of any kind 4429, and a reset is not logged."""
    raw = await witness.ws.raw(ANNA)
    for text in texts:
        if isinstance(text, str):
            raw.send(TEXT, text.encode())
        else:
            raw.send(BINARY, text)
    if reset:
        raw.writer.transport.abort()
    else:
        raw.send(CLOSE, struct.pack("!H", 1000))
        code = await raw.close_code()  # one read may bring the flood and the Close together
        assert code in (1000, 4400) or (code == 4429 and len(texts) >= FLOOD.frames)
        assert await raw.ended() == b""
        await raw.hang_up()
    await witness.is_well()


@given(request=requests, size=st.integers(1, 500))
async def test_handshakes_of_every_kind(witness: Witness, request: bytes, size: int) -> None:
    """An HTTP response or the end; a complete handshake opens a WebSocket."""
    raw = RawClient(*await asyncio.open_connection("127.0.0.1", witness.ws.port))
    answer = await send(raw, request, size)
    if answer:
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 ")
        assert int(head[9:12]) in (101, 200, 400, 404, 414, 426, 431)
        assert b"erver:" not in head
        if head.startswith(b"HTTP/1.1 101 "):
            read(body)
    await witness.is_well()
