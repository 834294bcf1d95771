"""Reads Server-Sent Events as the HTML standard says (section 9.2.6), for tests and chaos."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct


class ServerSentEvent(Struct):
    """A dispatched event."""

    type: str
    data: str
    last_id: str

    @property
    def frame(self) -> dict[str, Any]:
        """The data as Grux sends it."""
        frame = msgspec.json.decode(self.data)
        if not isinstance(frame, dict) or frame["op"] != self.type:
            raise ValueError(f"{self.type}: {self.data}")
        return frame


class EventStreamParser:
    """Fed with pieces of the body. `retry_ms` and `comments` are those so far."""

    def __init__(self) -> None:
        self.retry_ms = 0
        self.comments = 0
        self._rest = b""
        self._type = ""
        self._data: list[str] = []
        self._last_id = ""

    def feed(self, piece: bytes) -> list[ServerSentEvent]:
        """The events that are whole now. Raises UnicodeDecodeError."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        found = []
        for line in lines:
            text = line.decode().removesuffix("\r")
            if text:
                self._take(text)
                continue
            if self._data:
                data = "\n".join(self._data)
                found.append(ServerSentEvent(self._type or "message", data, self._last_id))
            self._type, self._data = "", []
        return found

    def _take(self, line: str) -> None:
        name, colon, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "":
                self.comments += bool(colon)
            case "event":
                self._type = value
            case "data":
                self._data.append(value)
            case "id":
                self._last_id = value
            case "retry" if value.isdecimal():
                self.retry_ms = int(value)
            case _:
                raise ValueError(f"a field that no client knows: {line}")


class EventStreamHead:
    """A response without its body."""

    def __init__(self, head: bytes) -> None:
        first, *lines = head.decode("latin-1").split("\r\n")
        self.status = int(first.split(" ")[1])
        fields = (line.partition(":") for line in lines if line)
        self.headers = {name.lower(): value.strip() for name, _, value in fields}


class EventStreamClient:
    """One response, and the events in its body. The request is the caller's, byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.parser = EventStreamParser()
        self.status = 0
        self.headers: dict[str, str] = {}
        self.ended = False
        self._events: list[ServerSentEvent] = []

    async def read_head(self) -> None:
        """The status and the headers. Raises IncompleteReadError."""
        head = EventStreamHead(await self.reader.readuntil(b"\r\n\r\n"))
        self.status, self.headers = head.status, head.headers

    async def event(self) -> ServerSentEvent | None:
        """The next event; None at the end of the stream."""
        while not self._events and not self.ended:
            piece = await self.reader.read(65_536)
            self.ended = not piece
            self._events += self.parser.feed(piece)
        return self._events.pop(0) if self._events else None

    def close(self) -> None:
        self.writer.transport.abort()


def request(port: int, user_ids: Sequence[int | str], method: str = "GET", *headers: str) -> bytes:
    """What a client sends."""
    ids = ",".join(map(str, user_ids))
    lines = [f"{method} /events?user_id={ids} HTTP/1.1", f"Host: 127.0.0.1:{port}", *headers]
    return "\r\n".join([*lines, "", ""]).encode()


async def connect(
    port: int,
    user_ids: Sequence[int | str],
    method: str = "GET",
    *headers: str,
) -> EventStreamClient:
    """A client whose response's head has come."""
    client = EventStreamClient(*await asyncio.open_connection("127.0.0.1", port))
    client.writer.write(request(port, user_ids, method, *headers))
    await client.read_head()
    return client
