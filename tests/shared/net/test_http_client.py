"""The HTTP client: what a server can make it do is bounded."""

from __future__ import annotations

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from shared.net.http_client import BodyTooLarge, HttpClient, HttpError, InvalidJson, RequestFailed
from testing.eventually import eventually
from tests.ended import ended

NEVER_S = 3600.0
LIMIT = 1000


class Server:
    """Answers by path, and keeps the requests it got."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[web.Request] = []
        self.released = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        match request.path:
            case "/json":
                return web.json_response({"a": 1})
            case "/redirect":
                raise web.HTTPFound("/json")
            case "/gzip":
                return web.Response(
                    body=gzip.compress(b"{}" * LIMIT), headers={"Content-Encoding": "gzip"}
                )
            case "/long":
                return web.Response(body=b"x" * (LIMIT + 1))
        response = web.StreamResponse(headers={"Set-Cookie": "a=b"})
        await response.prepare(request)
        if request.path == "/endless":
            while True:
                await response.write(b"x" * 100)
        await response.write(b"half")
        if request.path == "/broken":
            assert request.transport is not None
            request.transport.close()
        await self.released.wait()
        return response


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    app = web.Application()
    app.router.add_get("/{path:.*}", server.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    server.released.set()
    await runner.cleanup()


@asynccontextmanager
async def connected(timeout_s: float = NEVER_S, **options: Any) -> AsyncIterator[HttpClient]:
    async with HttpClient(timeout_s=timeout_s, max_body_bytes=LIMIT, **options) as http:
        yield http


async def body(http: HttpClient, url: str) -> bytes:
    async with http.get(url) as response:
        return await response.read()


async def test_a_response_has_status_headers_and_a_decoded_body(server: Server) -> None:
    """JSON is decoded on request."""
    async with connected() as http, http.get(f"{server.url}/json") as response:
        assert response.status == 200
        assert response.headers["content-type"].startswith("application/json")
        assert await response.json() == {"a": 1}


async def test_headers_of_the_client_and_of_the_request_are_sent(server: Server) -> None:
    """No compression is asked for."""
    async with (
        connected(headers={"User-Agent": "Grux"}) as http,
        http.get(f"{server.url}/json", {"X-One": "1"}) as response,
    ):
        assert response.status == 200
    (request,) = server.requests
    assert request.headers["User-Agent"] == "Grux"
    assert request.headers["X-One"] == "1"
    assert request.headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("path", ["long", "endless"])
async def test_a_body_that_is_too_large_is_not_read(server: Server, path: str) -> None:
    """Whether its length was announced or not."""
    async with connected() as http:
        with pytest.raises(BodyTooLarge, match="longer than 1000 bytes"):
            await body(http, f"{server.url}/{path}")


async def test_nothing_is_unpacked(server: Server) -> None:
    """A compressed body that was not asked for stays as it is."""
    async with connected() as http:
        assert (await body(http, f"{server.url}/gzip")).startswith(b"\x1f\x8b")
        with pytest.raises(InvalidJson):
            async with http.get(f"{server.url}/gzip") as response:
                await response.json()


async def test_redirects_are_followed_only_on_request(server: Server) -> None:
    """By default the redirect itself is the response."""
    async with connected() as http, http.get(f"{server.url}/redirect") as response:
        assert response.status == 302
    async with connected(max_redirects=2) as http, http.get(f"{server.url}/redirect") as response:
        assert response.status == 200


async def test_cookies_are_not_kept(server: Server) -> None:
    """A request never carries what an earlier response set."""
    server.released.set()
    async with connected() as http:
        for _ in range(2):
            await body(http, f"{server.url}/cookie")
    assert [request.headers.get("Cookie") for request in server.requests] == [None, None]


@pytest.mark.parametrize("path", ["silent", "broken"])
async def test_a_response_that_stops_in_the_middle_fails(server: Server, path: str) -> None:
    """The time limit covers the body; a lost connection ends it earlier."""
    async with connected(timeout_s=0.2 if path == "silent" else NEVER_S) as http:
        with pytest.raises(RequestFailed) as raised:
            await body(http, f"{server.url}/{path}")
    assert raised.value.__cause__ is not None


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/secret", "http://[secret", "ftp://secret/"])
async def test_the_text_of_a_failure_names_no_address(url: str) -> None:
    """It goes to logs, and a URL may carry a password."""
    async with connected() as http:
        with pytest.raises(HttpError) as raised:
            await body(http, url)
    assert "secret" not in str(raised.value)


async def test_a_socket_factory_may_refuse_an_address(server: Server) -> None:
    """It sees the resolved address, and nothing is sent."""
    seen = []

    def refuse(address: Sequence[Any]) -> socket.socket:
        seen.append(address[4][0])
        raise OSError("refused")

    async with connected(socket_factory=refuse) as http:
        with pytest.raises(RequestFailed):
            await body(http, server.url.replace("127.0.0.1", "localhost") + "/json")
    assert set(seen) <= {"127.0.0.1", "::1"}
    assert seen
    assert server.requests == []


async def test_a_check_may_end_the_reading(server: Server) -> None:
    """It sees all that was received so far; its own error comes through."""

    class Wrong(Exception):
        pass

    def check(received: bytearray) -> None:
        if received.startswith(b"half"):
            raise Wrong

    async with connected() as http:
        with pytest.raises(Wrong):
            async with http.get(f"{server.url}/silent") as response:
                await response.read(check)


async def test_errors_of_the_caller_pass_through(server: Server) -> None:
    """Only the client's own failures become RequestFailed."""
    async with connected() as http:
        with pytest.raises(ValueError, match="mine"):
            async with http.get(f"{server.url}/json"):
                raise ValueError("mine")


async def test_a_cancelled_request_ends(server: Server) -> None:
    """The connection is given up, and the client can be used again."""
    async with connected() as http:
        reading = asyncio.create_task(body(http, f"{server.url}/silent"))
        await eventually(lambda: len(server.requests) == 1)
        await ended(reading)
        assert await body(http, f"{server.url}/json") == b'{"a": 1}'
