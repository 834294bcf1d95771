"""An API as a process runs it: the real server on a free port."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from uvicorn.lifespan.off import LifespanOff

from services.api import http_server
from services.api.app import build
from shared.config import ApiSettings
from shared.profile_cache import ProfileCache
from shared.profiles import Profiles
from shared.sources.source import Source
from shared.store import Store


@asynccontextmanager
async def serving(
    store: Store,
    *,
    source: Source | None = None,
    cap: float = 10.0,
    discord_invite: str = "",
    public_url: str = "",
    public_ws_url: str = "",
) -> AsyncIterator[int]:
    """Gives the port. Without the minute hand of uvicorn's own loop, which only slows tests."""
    settings = ApiSettings(
        api_port=0,
        discord_invite=discord_invite,
        public_url=public_url,
        public_ws_url=public_ws_url,
    )
    profiles = Profiles(source, ProfileCache(store, settings.profile_ttl), cap=cap)
    listener = http_server.listen(settings)
    server = http_server.server(build(store, profiles, settings))
    server.config.load()
    server.lifespan = LifespanOff(server.config)
    await server.startup([listener])
    try:
        yield listener.getsockname()[1]
    finally:
        for each in server.servers:
            each.close()
        await profiles.close()
