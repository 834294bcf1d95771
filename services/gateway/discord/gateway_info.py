"""Asks Discord where to connect, and with how many shards: `GET /gateway/bot`. And, when it
refuses the bot's intents, which of them are off: `GET /applications/@me`.

Discord docs: Gateway, Get Gateway Bot.

hikari's REST client is not used: importing it takes longer than everything else that a gateway
does before it connects (lazy_hikari.py).
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import Meta, Struct

from shared.config import GatewaySettings
from shared.discord.user_agent import USER_AGENT
from shared.net.backoff import Backoff
from shared.net.http_client import HttpClient, HttpError, HttpResponse

log = logging.getLogger(__name__)

API_BACKOFF: Final = Backoff(first_s=1.0, max_s=120.0)
REQUEST_TIMEOUT_S: Final = 10.0
MAX_BODY_BYTES: Final = 1 << 20  # a page of guilds is 100 KB
GUILDS_PER_PAGE: Final = 200  # Discord's maximum
MAX_RETRY_AFTER_S: Final = 3600.0

BOT_REJECTED: Final = (
    "Discord rejects the bot token (%s). DISCORD_TOKEN is wrong or was reset: copy the token from "
    "https://discord.com/developers/applications, your application, Bot, Reset Token."
)

Body = TypeVar("Body")
_Count = Annotated[int, Meta(ge=0)]


class DiscordRefused(Exception):
    """Raised when Discord refuses the bot for good; the text says what to change."""


class SessionStartLimit(Struct, frozen=True, kw_only=True):
    """Discord docs: Gateway, Session Start Limit."""

    total: _Count
    remaining: _Count
    reset_after: _Count  # milliseconds
    max_concurrency: _Count

    @property
    def time_to_reset(self) -> timedelta:
        return timedelta(milliseconds=self.reset_after)


class GatewayInfo(Struct, frozen=True, kw_only=True):
    """Discord docs: Gateway, Get Gateway Bot."""

    url: str
    shards: Annotated[int, Meta(ge=1)]  # as many as Discord recommends
    session_start_limit: SessionStartLimit


class _JoinedGuild(Struct, frozen=True):
    id: int  # Discord sends a string


class _Retry(Exception):
    """Raised when there is no usable answer. The text says why."""

    def __init__(self, reason: str, after_s: float = 0.0) -> None:
        super().__init__(reason)
        self.after_s = after_s  # at least


async def fetch_gateway_info(
    settings: GatewaySettings, backoff: Backoff = API_BACKOFF
) -> GatewayInfo:
    """Retries while Discord cannot be reached. Raises DiscordRefused."""
    async with _client(settings) as http:
        return await _fetch(http, f"{settings.discord_api_url}/gateway/bot", GatewayInfo, backoff)


async def fetch_guild_ids(settings: GatewaySettings, backoff: Backoff = API_BACKOFF) -> set[int]:
    """The guilds that the bot is in. Retries while Discord cannot be reached.

    Raises DiscordRefused. Discord docs: User, Get Current User Guilds.
    """
    found: set[int] = set()
    async with _client(settings) as http:
        while True:
            path = f"/users/@me/guilds?limit={GUILDS_PER_PAGE}&after={max(found, default=0)}"
            url = settings.discord_api_url + path
            page = await _fetch(http, url, list[_JoinedGuild], backoff)
            found.update(guild.id for guild in page)
            if len(page) < GUILDS_PER_PAGE:
                return found


async def fetch_application_flags(settings: GatewaySettings) -> int | None:
    """The flags of the bot's application, which show its intents; None if they are unknown.

    Discord docs: Application, Get Current Application.
    """
    try:
        async with (
            _client(settings) as http,
            http.get(f"{settings.discord_api_url}/applications/@me") as response,
        ):
            flags = (await response.json())["flags"] if response.status == 200 else None
    except (HttpError, KeyError, TypeError):
        return None
    return flags if isinstance(flags, int) else None


def _client(settings: GatewaySettings) -> HttpClient:
    headers = {"User-Agent": USER_AGENT, "Authorization": f"Bot {settings.discord_token}"}
    return HttpClient(timeout_s=REQUEST_TIMEOUT_S, max_body_bytes=MAX_BODY_BYTES, headers=headers)


async def _fetch(http: HttpClient, url: str, kind: type[Body], backoff: Backoff) -> Body:
    """Retries while Discord cannot be reached. Raises DiscordRefused."""
    failures = 0
    while True:
        try:
            return await _try_fetch(http, url, kind)
        except _Retry as retry:
            failures += 1
            delay = max(backoff.delay(failures), retry.after_s)
            log.warning(
                "Discord's API cannot be reached at DISCORD_API_URL (%s); retrying in %.0f s",
                retry,
                delay,
            )
        await asyncio.sleep(delay)


async def _try_fetch(http: HttpClient, url: str, kind: type[Body]) -> Body:
    """Raises DiscordRefused and _Retry."""
    try:
        async with http.get(url) as response:
            if response.status == 401:
                raise DiscordRefused(BOT_REJECTED % "HTTP 401")
            if response.status != 200:
                raise _Retry(f"HTTP {response.status}", _retry_after(response))
            body: Any = await response.json()
    except HttpError as error:
        raise _Retry(str(error) or type(error).__name__) from None
    try:
        return msgspec.convert(body, kind, strict=False)
    except msgspec.ValidationError as error:
        raise _Retry(str(error)) from None


def _retry_after(response: HttpResponse) -> float:
    """Seconds that a rate limit asks for."""
    try:
        return min(float(response.headers.get("Retry-After", "")), MAX_RETRY_AFTER_S)
    except ValueError:
        return 0.0
