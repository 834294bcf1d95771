"""The cards service as a process runs it: the real server on a free port."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, cast

from msgspec import Struct
from uvicorn.lifespan.off import LifespanOff

from services.cards.app import CardEndpoints, RequesterResolver, open_app, routes
from services.cards.badges import BadgeEndpoints
from services.cards.card_service import CardService, CardTimings
from services.cards.fair_share import FairShare
from services.cards.render_pool import RenderPool
from shared.config import CardsSettings
from shared.http import uvicorn_server
from shared.profiles.service import ProfileService
from shared.profiles.user_reader import UserReader
from shared.redis.store import Store
from testing.eventually import PATIENCE

NOWHERE: Final = "http://127.0.0.1:1"
"""A CDN that does not answer. It is a loopback address, so no other host is contacted either."""


class FixedStaleness(Struct, frozen=True):
    """Seconds for which the gateway has been silent."""

    stale: int | None = None


def card_paths() -> set[str]:
    """The paths of the public routes."""
    users, cards, pool = cast("UserReader", None), cast("CardService", None), RenderPool()
    by = RequesterResolver(())
    badges = BadgeEndpoints(users, pool, FairShare(), by)
    return {route.path for route in routes(CardEndpoints(cards, by), badges)}


@asynccontextmanager
async def serving_cards(
    store: Store,
    *,
    discord_invite: str = "",
    discord_cdn_url: str = NOWHERE,
    silent_for: int | None = None,
    pool: RenderPool | None = None,
    timings: CardTimings | None = None,
    image_wait_s: float = PATIENCE,
    trusted_proxies: str = "",
) -> AsyncIterator[int]:
    """Gives the port."""
    settings = CardsSettings(
        discord_invite=discord_invite,
        discord_cdn_url=discord_cdn_url,
        profile_source="off",
        trusted_proxies=trusted_proxies,
    )
    async with (
        pool or RenderPool(job_timeout_s=PATIENCE) as pool,
        ProfileService.connect(settings, store) as profiles,
        open_app(
            store,
            UserReader.of(store, profiles, settings, with_history=True),
            settings,
            FixedStaleness(silent_for),
            pool,
            timings=timings,
            image_wait_s=image_wait_s,
            fetch_timeout_s=PATIENCE,
        ) as app,
    ):
        listener = uvicorn_server.listen("127.0.0.1", 0, "CARDS_PORT")
        server = uvicorn_server.server(app)
        server.config.load()
        server.lifespan = LifespanOff(server.config)
        await server.startup([listener])
        try:
            yield listener.getsockname()[1]
        finally:
            for each in server.servers:
                each.close()
