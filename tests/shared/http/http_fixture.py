"""The HTTP server around an application of the test: every byte, and the open connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.lifespan.off import LifespanOff

from shared.http import uvicorn_server
from shared.http.connection_handlers import DirectAnswers, UpgradeHandler
from shared.http.connection_limits import ConnectionLimits, HttpConnectionLimiter
from shared.http.uvicorn_protocol import LimitedHttpProtocol
from shared.http.uvicorn_server import DrainingServer
from testing.eventually import PATIENCE, eventually
from tests.api.http_client import ask

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class App:
    """Responds with so many bytes, once `may_answer` is set."""

    def __init__(self, size: int = 2) -> None:
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.asked = 0
        self._body = b"x" * size

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked += 1
        await self.may_answer.wait()
        headers = [(b"content-length", b"%d" % len(self._body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": self._body})


class Api:
    """A running server."""

    def __init__(self, port: int, limiter: HttpConnectionLimiter, server: DrainingServer) -> None:
        self.port = port
        self.limiter = limiter
        self._server = server

    def open_connections(self) -> list[LimitedHttpProtocol]:
        found = self._server.server_state.connections
        return [one for one in found if isinstance(one, LimitedHttpProtocol)]

    async def connect(self, sent: bytes = b"") -> Client:
        client = Client(*await asyncio.open_connection("127.0.0.1", self.port))
        client.writer.write(sent)
        return client

    async def answers(self) -> bool:
        return (await ask(self.port)).status == 200

    async def is_empty(self) -> None:
        await eventually(lambda: self.limiter.connections == 0)
        assert (self.limiter.pending, self.limiter.deadlines) == (0, 0)


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def rest(self) -> bytes:
        """All that is received until the server closes the connection, in whatever way."""
        found = b""
        async with asyncio.timeout(PATIENCE):
            with suppress(ConnectionError):
                while piece := await self.reader.read(65_536):
                    found += piece
        return found

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


@asynccontextmanager
async def serving(
    app: ASGIApp,
    limits: ConnectionLimits,
    upgrades: Callable[[HttpConnectionLimiter], UpgradeHandler] | None = None,
    answers: DirectAnswers | None = None,
) -> AsyncIterator[Api]:
    limiter = HttpConnectionLimiter(limits)
    listener = uvicorn_server.listen("127.0.0.1", 0, "API_PORT")
    server = uvicorn_server.server(
        app,
        limiter=limiter,
        upgrades=upgrades(limiter) if upgrades else None,
        answers=answers,
    )
    server.config.load()
    server.lifespan = LifespanOff(server.config)
    await server.startup([listener])
    sweep = asyncio.create_task(limiter.run())
    try:
        yield Api(listener.getsockname()[1], limiter, server)
    finally:
        sweep.cancel()
        for each in server.servers:
            each.close()
