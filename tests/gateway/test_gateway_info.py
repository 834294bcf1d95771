"""Asking Discord how to connect: every failure but a refused token is retried."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from services.gateway.discord.gateway_info import (
    DiscordRefused,
    GatewayInfo,
    SessionStartLimit,
    fetch_gateway_info,
    fetch_guild_ids,
)
from shared.config import GatewaySettings
from shared.net.backoff import Backoff
from testing.eventually import PATIENCE
from testing.logged import own_lines

QUICK = Backoff(first_s=0.001, max_s=0.001)
LIMIT = {"total": 1000, "remaining": 999, "reset_after": 14_400_000, "max_concurrency": 1}
BODY = {"url": "wss://gateway.example", "shards": 9, "session_start_limit": LIMIT}


class FakeDiscord:
    """Answers `GET /gateway/bot` with the given responses, and then correctly."""

    def __init__(self) -> None:
        self.responses: list[web.Response] = []
        self.headers: list[str | None] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.headers.append(request.headers.get("Authorization"))
        return self.responses.pop(0) if self.responses else web.json_response(BODY)

    async def guilds(self, request: web.Request) -> web.Response:
        """Guilds 1 to 201."""
        if self.responses:
            return self.responses.pop(0)
        first = int(request.query["after"]) + 1
        ids = range(first, min(first + int(request.query["limit"]), 202))
        return web.json_response([{"id": str(one), "name": "A server"} for one in ids])

    async def fetch(self) -> GatewayInfo:
        settings = GatewaySettings(discord_token="a.b.c", discord_api_url=self.url)
        async with asyncio.timeout(PATIENCE):
            return await fetch_gateway_info(settings, QUICK)


@pytest.fixture
async def discord() -> AsyncIterator[FakeDiscord]:
    discord = FakeDiscord()
    app = web.Application()
    app.router.add_get("/gateway/bot", discord.answer)
    app.router.add_get("/users/@me/guilds", discord.guilds)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    discord.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield discord
    await runner.cleanup()


async def test_answer_is_decoded(discord: FakeDiscord) -> None:
    info = await discord.fetch()
    assert info == GatewayInfo(
        url="wss://gateway.example",
        shards=9,
        session_start_limit=SessionStartLimit(
            total=1000, remaining=999, reset_after=14_400_000, max_concurrency=1
        ),
    )
    assert str(info.session_start_limit.time_to_reset) == "4:00:00"
    assert discord.headers == ["Bot a.b.c"]


async def test_refused_token_is_reported(discord: FakeDiscord) -> None:
    """Retrying would not help."""
    discord.responses = [web.Response(status=401)]
    with pytest.raises(DiscordRefused, match="DISCORD_TOKEN"):
        await discord.fetch()


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (web.Response(status=503), "HTTP 503"),
        (web.json_response({}, status=429, headers={"Retry-After": "0.01"}), "HTTP 429"),
        (web.Response(body=b"<html>"), "not JSON"),
        (web.json_response({**BODY, "shards": 0}), "shards"),
        (web.json_response([]), "Expected"),
    ],
)
async def test_unusable_answer_is_retried(
    discord: FakeDiscord, response: web.Response, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The log names the setting and the reason."""
    discord.responses = [response]
    assert (await discord.fetch()).shards == 9
    [line] = own_lines(caplog)
    assert "DISCORD_API_URL" in line
    assert reason in line


async def test_unreachable_discord_is_retried(caplog: pytest.LogCaptureFixture) -> None:
    """For as long as it takes."""
    discord = FakeDiscord()
    discord.url = "http://127.0.0.1:1"
    fetching = asyncio.create_task(discord.fetch())
    async with asyncio.timeout(PATIENCE):
        while len(own_lines(caplog)) < 3:
            await asyncio.sleep(0.001)
    assert not fetching.done()
    fetching.cancel()
    await asyncio.wait({fetching})
    assert "retrying in" in caplog.text


async def test_guilds_are_read_page_by_page(discord: FakeDiscord) -> None:
    """Also after a failure."""
    discord.responses = [web.Response(status=503)]
    settings = GatewaySettings(discord_token="a.b.c", discord_api_url=discord.url)
    async with asyncio.timeout(PATIENCE):
        assert await fetch_guild_ids(settings, QUICK) == set(range(1, 202))
