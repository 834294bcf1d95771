"""What the doctor says about signing in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from services.doctor import accounts
from services.doctor.discord import BotRest
from services.doctor.report import Finding
from shared.config import ApiSettings, GatewaySettings
from shared.net.http_client import HttpClient
from simulator.server import Simulator
from tests.e2e.stack import quiet

PUBLIC = "https://presence.example.org"
CALLBACK = f"{PUBLIC}/auth/callback"


@pytest.fixture
async def discord() -> AsyncIterator[Simulator]:
    async with Simulator(quiet()) as simulator:
        simulator.options.redirect_uris = CALLBACK
        yield simulator


async def said(simulator: Simulator, **changes: str) -> dict[str, Finding]:
    """The findings by their level and message."""
    settings: dict[str, Any] = {
        "discord_token": simulator.token,
        "discord_api_url": simulator.api_url,
        "discord_client_secret": simulator.options.client_secret,
        "public_url": PUBLIC,
        "secret_key": "k" * 32,
        **changes,
    }
    async with HttpClient(timeout_s=60.0, max_body_bytes=1 << 20) as http:
        bot = BotRest(
            GatewaySettings(
                discord_token=settings["discord_token"],
                discord_api_url=settings["discord_api_url"],
            ),
            http,
        )
        await bot.guilds()
        found = await accounts.check(ApiSettings(**settings), bot, http)
    return {f"{one.level}: {one.message}": one for one in found}


async def test_nothing_without_a_secret(discord: Simulator) -> None:
    """Signing in is not turned on."""
    assert await said(discord, discord_client_secret="") == {}


async def test_a_container_without_the_secret(discord: Simulator) -> None:
    """docker-compose.yml gives it to api and tools alone: another doctor checks it."""
    settings = ApiSettings(discord_token=discord.token, discord_api_url=discord.api_url)
    async with HttpClient(timeout_s=60.0, max_body_bytes=1 << 20) as http:
        bot = BotRest(GatewaySettings(discord_token=discord.token), http)
        [found] = await accounts.check(settings, bot, http, in_compose=True)
    assert found.level == "ok"
    assert "tools doctor" in found.message


@pytest.mark.parametrize("public_url", ["", "http://127.0.0.1:8080", "http://localhost:8000"])
async def test_a_trial_on_this_machine_needs_no_key(discord: Simulator, public_url: str) -> None:
    """As docs/accounts.md says: it is for a public server."""
    found = await said(discord, public_url=public_url, secret_key="")
    assert not any("SECRET_KEY" in message for message in found)


async def test_all_is_well(discord: Simulator) -> None:
    """The secret is right, the redirect is known, and a key is set."""
    found = await said(discord)
    assert "ok: Discord accepts DISCORD_CLIENT_SECRET" in found
    assert f"ok: Discord leads back to {CALLBACK}" in found
    assert not any(one.level == "failure" for one in found.values())


@pytest.mark.parametrize(
    ("changes", "level", "message"),
    [
        ({"discord_client_secret": "wrong"}, "failure", "does not accept DISCORD_CLIENT_SECRET"),
        ({"public_url": f"{PUBLIC}/live"}, "failure", "does not know"),
        ({"public_url": "http://presence.example.org"}, "failure", "begins with http://"),
        ({"public_url": ""}, "warning", "on this machine only"),
        ({"secret_key": ""}, "warning", "SECRET_KEY is empty"),
        ({"join_guild_id": "171234567890123776"}, "failure", "the bot is not in the server"),
    ],
)
async def test_what_is_wrong(
    discord: Simulator, changes: Mapping[str, str], level: str, message: str
) -> None:
    """Each with what to do."""
    found = await said(discord, **changes)
    [one] = [one for one in found.values() if message in one.message]
    assert one.level == level
    assert one.remedy


async def test_events_of_discord() -> None:
    """Switched off, incomplete, or as they should be."""
    wanted = f"{PUBLIC}/webhooks/discord"
    events = {
        "event_webhooks_url": wanted,
        "event_webhooks_status": 2,
        "event_webhooks_types": ["APPLICATION_DEAUTHORIZED"],
    }

    def level(**changes: object) -> str:
        [found] = accounts._events(PUBLIC, {**events, **changes})
        return found.level

    assert level() == "ok"
    assert level(event_webhooks_status=3) == "failure"
    assert level(event_webhooks_types=None) == "warning"
    assert level(event_webhooks_url="https://elsewhere.example") == "warning"
    assert accounts._events("http://127.0.0.1:8000", {}) == []


async def test_joining() -> None:
    """The bot needs one permission there."""
    settings = ApiSettings(join_guild_id="816976062578688017")

    def level(permissions: str) -> str:
        guild = {"id": "816976062578688017", "name": "Grux", "permissions": permissions}
        [found] = accounts._joining(settings, [guild])
        return found.level

    assert (level("1"), level("8"), level("2")) == ("ok", "ok", "failure")
