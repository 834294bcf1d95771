"""HTTP at the level of bytes: exactly what an attacker writes, and the first response to it."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Final

from msgspec import Struct

ANSWER_TIMEOUT_S: Final = 10.0
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)

UPGRADE: Final = (
    b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
)


class Reply(Struct, frozen=True):
    """Status 0: the connection was closed, or nothing came in time."""

    status: int
    head: bytes
    body: bytes
    seconds: float


def get(path: str, *lines: bytes, address: str = "", method: str = "GET") -> bytes:
    """A request that the trusted proxy forwards for `address`."""
    named = [b"X-Forwarded-For: " + address.encode()] if address else []
    start = f"{method} {path} HTTP/1.1".encode("latin-1")
    return b"\r\n".join([start, b"Host: x", *named, *lines, b"", b""])


async def send(port: int, *pieces: bytes) -> Reply:
    """Write the pieces over a connection of its own, and read one response."""
    began = time.monotonic()
    writer = None
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            return await receive(reader, began)
    except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError):
        return Reply(0, b"", b"", time.monotonic() - began)
    finally:
        if writer is not None:
            writer.transport.abort()


async def receive(reader: asyncio.StreamReader, began: float) -> Reply:
    """The next response. Raises EOFError."""
    head = await reader.readuntil(b"\r\n\r\n")
    found = _LENGTH.search(head)
    status = int(head.split(b" ", 2)[1])
    body = await reader.readexactly(int(found[1])) if found and status not in (204, 304) else b""
    return Reply(status, head, body, time.monotonic() - began)


def close_code(data: bytes) -> int:
    """The code of a Close frame at the end of what a WebSocket client received. 0: none."""
    at = data.rfind(b"\x88")
    return int.from_bytes(data[at + 2 : at + 4], "big") if at >= 0 else 0


def is_closing(data: bytes) -> bool:
    """Whether what a WebSocket client received ends with a Close frame."""
    at = data.rfind(b"\x88")
    return at >= 0 and len(data) - at >= 4 and data[at + 1] == len(data) - at - 2
