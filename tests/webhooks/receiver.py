"""An endpoint on a real socket that does with each request what the test has chosen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from msgspec import Struct
from standardwebhooks import Webhook

SECRET: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
HANG: Final = b""
OK: Final = b"HTTP/1.1 204 No Content\r\n\r\n"


def answer(status: str, *headers: str, body: bytes = b"") -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


class Received(Struct, frozen=True):
    """One request whose signature is right."""

    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def user_id(self) -> int:
        return int(self.body["user_id"])

    @property
    def number(self) -> int | None:
        """Which presence it shows; None: none any more."""
        data = self.body["data"]
        return data and int(data["activity"][0]["created_at"])


class Receiver:
    """Use `receiving`."""

    def __init__(self) -> None:
        self.port = 0
        self.connections = 0
        self.received: list[Received] = []  # each attempt, whatever was answered
        self.answers: list[bytes] = []  # to the next requests; then `OK`
        self.choose: Callable[[Received], bytes] | None = None
        self.held = asyncio.Event()  # set: requests are answered
        self.held.set()
        self.verifier = Webhook(SECRET)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?token=hunter2"

    @property
    def shown(self) -> list[tuple[int, int | None]]:
        """User and number of each attempt."""
        return [(one.user_id, one.number) for one in self.received]

    def has_shown(self, user_id: int, number: int) -> bool:
        return (user_id, number) in self.shown

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                lines = head.split("\r\n")[1:-2]
                headers = {
                    name.lower(): text for name, _, text in (x.partition(": ") for x in lines)
                }
                content = await reader.readexactly(int(headers["content-length"]))
                request = Received(headers, self.verifier.verify(content, headers))
                self.received.append(request)
                reply = self._reply(request)
                await self.held.wait()
                if reply == HANG:
                    await reader.read()
                    return
                writer.write(reply)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def _reply(self, request: Received) -> bytes:
        if self.choose is not None:
            return self.choose(request)
        return self.answers.pop(0) if self.answers else OK


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        receiver.held.set()
        server.close()
