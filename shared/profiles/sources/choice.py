"""Which profile source the settings name."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from shared.config import ProfileSettings
from shared.discord.cdn import Cdn
from shared.profiles.sources.client import AT_ONCE, ProfileClient
from shared.profiles.sources.discord import DiscordSource
from shared.profiles.sources.source import Source
from shared.profiles.sources.upstream import Upstream

log = logging.getLogger(__name__)


@asynccontextmanager
async def open_source(settings: ProfileSettings) -> AsyncIterator[Source | None]:
    """The source, connected on first use, until the block ends. None: there is nobody to ask."""
    if settings.profile_source == "off":
        yield None
        return
    if settings.profile_source == "discord" and not settings.discord_token:
        log.info("profiles: DISCORD_TOKEN is empty, so profiles show what the gateway knows")
        yield None
        return
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=AT_ONCE),
        timeout=aiohttp.ClientTimeout(total=None),  # the asker's limit holds
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,  # none is asked for: a small body cannot become a big one
    ) as session:
        client = ProfileClient(session)
        cdn = Cdn(settings.discord_cdn_url)
        if settings.profile_source == "discord":
            yield DiscordSource(client, settings.discord_api_url, settings.discord_token, cdn)
        else:
            yield Upstream(client, settings.profile_upstream_url, cdn)
