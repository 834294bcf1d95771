"""Clients of event streams: what they read is checked as what the others read."""

from __future__ import annotations

import asyncio
import socket
from typing import Final

import msgspec
from websockets.exceptions import ConnectionClosedOK

from chaos.clients.reader import Connection, Reader
from chaos.clients.view import REFUSED
from testing.event_stream import EventStreamClient, request

_NOT_MONITORED: Final = 404
_SMALL_BUFFER_BYTES: Final = 4096
_BUFFER_BYTES: Final = 65_536


class EventConnection:
    """One stream, as a Reader reads a WebSocket."""

    def __init__(self, client: EventStreamClient, user_id: str) -> None:
        """`user_id`: the first user; an error status is about this one."""
        self._client = client
        self._user_id = user_id
        self.close_code: int | None = None  # the status, if that is not 200
        self.transport = client.writer.transport

    async def recv(self) -> str:
        """The next frame. Raises ConnectionClosedOK at the end."""
        client = self._client
        if client.status == _NOT_MONITORED and self.close_code is None:
            self.close_code = client.status
            frame = {"op": "error", "user_id": self._user_id, "d": {"code": REFUSED}}
            return msgspec.json.encode(frame).decode()
        event = await client.event() if client.status == 200 else None
        if event is None:
            raise ConnectionClosedOK(None, None)
        if not event.data.startswith(f'{{"op":"{event.type}",'):
            raise ValueError(f"an event {event.type}: {event.data[:300]}")
        return event.data


class EventReader(Reader):
    """Reads an event stream. It comes again as an EventSource does, but sooner."""

    async def _open(self, port: int, sock: socket.socket | None) -> Connection:
        limit = _SMALL_BUFFER_BYTES if self.profile.pause else _BUFFER_BYTES
        if sock is not None:
            opening = asyncio.open_connection(sock=sock, limit=limit)
        else:
            opening = asyncio.open_connection("127.0.0.1", port, limit=limit)
        client = EventStreamClient(*await opening)
        try:
            client.writer.write(request(port, self.users))
            await client.read_head()
            if client.status not in (200, _NOT_MONITORED):
                raise OSError(f"status {client.status}")
        except BaseException:
            client.close()
            raise
        return EventConnection(client, self.users[0])
