"""A server on localhost in the place of Discord's REST API or an operator's profile server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.test_utils import RawTestServer

from shared.config import ProfileSettings
from shared.profiles.sources.choice import open_source
from shared.profiles.sources.source import Source

TOKEN = "secret-token"
Reply = tuple[int, Mapping[str, str], bytes]


class ProfileServer:
    """Answers with `reply(path)`, or closes the connection for None, and records each request."""

    def __init__(self, reply: Callable[[str], Reply | None]) -> None:
        self.reply = reply
        self.paths: list[str] = []
        self.headers: list[Mapping[str, str]] = []

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Gives the URL."""
        async with RawTestServer(self._handle) as server:
            yield str(server.make_url("")).rstrip("/")

    async def _handle(self, request: web.BaseRequest) -> web.Response:
        self.paths.append(request.path)
        self.headers.append(request.headers)
        reply = self.reply(request.path)
        if reply is None:
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        status, headers, body = reply
        return web.Response(status=status, headers=headers, body=body)


def json(value: Any, status: int = 200, **headers: str) -> Reply:
    """`headers` with underscores for hyphens."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return status, {"Content-Type": "application/json", **named}, msgspec.json.encode(value)


@asynccontextmanager
async def discord(server: ProfileServer, token: str = TOKEN) -> AsyncIterator[Source]:
    """The source `discord`, connected to the server."""
    async with (
        server.serving() as url,
        open_source(ProfileSettings(discord_token=token, discord_api_url=url)) as source,
    ):
        assert source is not None
        yield source


@asynccontextmanager
async def upstream(server: ProfileServer) -> AsyncIterator[Source]:
    """The source `upstream`, connected to the server."""
    async with server.serving() as url, open_upstream(f"{url}/{{user_id}}?key=secret") as source:
        yield source


@asynccontextmanager
async def open_upstream(template: str) -> AsyncIterator[Source]:
    settings = ProfileSettings(profile_source="upstream", profile_upstream_url=template)
    async with open_source(settings) as source:
        assert source is not None
        yield source
