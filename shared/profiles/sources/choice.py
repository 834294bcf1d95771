"""The profile source that the settings name."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.config import ProfileSettings
from shared.discord.cdn import Cdn
from shared.net.http_client import HttpClient
from shared.profiles.sources.client import (
    MAX_BODY_BYTES,
    MAX_CONCURRENT_REQUESTS,
    ProfileClient,
)
from shared.profiles.sources.discord import DiscordSource
from shared.profiles.sources.source import Source
from shared.profiles.sources.upstream import UpstreamSource

log = logging.getLogger(__name__)


@asynccontextmanager
async def open_source(settings: ProfileSettings) -> AsyncIterator[Source | None]:
    """The source, connected on first use, until the block ends. None: there is none to ask."""
    if settings.profile_source == "off":
        yield None
        return
    if settings.profile_source == "discord" and not settings.discord_token:
        log.info(
            "profiles: DISCORD_TOKEN is empty, so profiles have no more than the gateway knows"
        )
        yield None
        return
    async with HttpClient(
        timeout_s=None,  # the caller's limit holds
        max_body_bytes=MAX_BODY_BYTES,
        max_connections=MAX_CONCURRENT_REQUESTS,
    ) as http:
        client = ProfileClient(http)
        cdn = Cdn(settings.discord_cdn_url)
        if settings.profile_source == "discord":
            yield DiscordSource(client, settings.discord_api_url, settings.discord_token, cdn)
        else:
            yield UpstreamSource(client, settings.profile_upstream_url, cdn)
