"""The routes. What is kept between requests is true of Redis, so any replica answers the same."""

from __future__ import annotations

from typing import Final

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp

from services.api.badges import BadgeEndpoints
from services.api.card.routes import CardEndpoints
from services.api.card.studio import Studio
from services.api.docs.routes import Documents
from services.api.endpoints import front_page, static
from services.api.endpoints.avatar import AvatarEndpoints, user_id_of
from services.api.http.negotiation import prefers_html
from services.api.middleware.response_cache import ACTIVITY, USER, ResponseCache
from services.api.middleware.shortcut import ResponseCacheMiddleware
from shared.config import ApiSettings
from shared.http import errors
from shared.http.middleware import PreflightMiddleware, StalenessSource
from shared.http.responses import RawResponse, cacheable, envelope, json_response
from shared.profiles.service import ProfileService
from shared.profiles.user_reader import UserReader
from shared.redis.store import Store, StoreUnavailable

INFO: Final = (
    "Grux: Discord presence as one fetch or one WebSocket. Ask GET /user/:userid for profile and "
    "presence, GET /activity/:userid for presence alone."
)
_VARY: Final = (b"vary", b"Accept")


def build(
    store: Store,
    profiles: ProfileService,
    settings: ApiSettings,
    cache: ResponseCache | None = None,
    pulse: StalenessSource | None = None,
    studio: Studio | None = None,
) -> ASGIApp:
    """The whole application over these, which stay open as long as it serves.

    `cache`: kept valid by `shared.redis.invalidation`; without one every read goes to Redis.
    `pulse`: the gateway's; without one nothing is known of it. `studio`: what draws; without one
    there are no pictures.
    """
    cache = ResponseCache() if cache is None else cache
    people = UserReader.of(store, profiles, settings)
    endpoints = Endpoints(store, people, settings, cache, pulse)
    app = Starlette(
        routes=[
            *routes(endpoints, Documents(settings), people, studio),
            *static.routes(settings),
        ],
        exception_handlers=errors.handlers(settings.discord_invite or None),
    )
    app.router.redirect_slashes = False  # one resource, one address
    return ResponseCacheMiddleware(cache, PreflightMiddleware(app))


def routes(
    endpoints: Endpoints, documents: Documents, people: UserReader, studio: Studio | None
) -> list[Route]:
    """Each is described in services/api/openapi/operations.py."""
    drawn = []
    if studio is not None:
        drawn += CardEndpoints(studio.cards).routes()
        drawn += BadgeEndpoints(people, studio.draughtsmen).routes()
    return [
        Route(f"{USER}{{user_id}}", endpoints.user),
        Route(f"{ACTIVITY}{{user_id}}", endpoints.activity),
        Route("/", endpoints.front),
        Route("/health", endpoints.health),
        Route("/ready", endpoints.ready),
        *AvatarEndpoints(people).routes(),
        *drawn,
        *documents.routes(),
    ]


class Endpoints:
    """What each route answers. Every method may raise what errors.ERRORS lists."""

    def __init__(
        self,
        store: Store,
        people: UserReader,
        settings: ApiSettings,
        cache: ResponseCache,
        pulse: StalenessSource | None,
    ) -> None:
        self._store = store
        self._pulse = pulse
        self._people = people
        self._cache = cache
        self._invite = settings.discord_invite or None
        self._page = front_page.front(settings)

    async def user(self, request: Request) -> RawResponse:
        """`data`: `{"profile", "status", "spotify", "activity", "custom_status"}`"""
        user_id = user_id_of(request)
        with self._cache.loading(user_id) as load:
            person = await self._people.person(user_id)
            found = cacheable(envelope(b'{"profile":%b,%b' % (person.profile, person.presence[1:])))
            load.keep(USER, person.version, found, until=person.good_until)
        return found.answer(request.scope["headers"])

    async def activity(self, request: Request) -> RawResponse:
        """`data`: `{"status", "spotify", "activity", "custom_status"}`"""
        user_id = user_id_of(request)
        with self._cache.loading(user_id) as load:
            snapshot = (await self._people.read(user_id)).snapshot
            found = cacheable(envelope(snapshot.presence))
            load.keep(ACTIVITY, snapshot.version, found)
        return found.answer(request.scope["headers"])

    async def front(self, request: Request) -> RawResponse:
        """The page, or `data`: `{"info", "discord_invite", "monitored_user_count"}`"""
        if prefers_html(", ".join(request.headers.getlist("accept"))):
            return self._page.answer(request.scope["headers"])
        data = {
            "info": INFO,
            "discord_invite": self._invite,
            "monitored_user_count": await self._store.count_users(),
        }
        found = cacheable(envelope(msgspec.json.encode(data)), _VARY)
        return found.answer(request.scope["headers"])

    async def health(self, _request: Request) -> RawResponse:
        """The process runs. `data`: `{"status", "redis", "gateway_silent_for"}`

        `redis`: whether it answers. `gateway_silent_for`: seconds, once they are too many.
        """
        try:
            await self._store.ping()
            redis = True
        except StoreUnavailable:
            redis = False
        stale = self._pulse.stale if self._pulse else None
        health = {"status": "ok", "redis": redis, "gateway_silent_for": stale}
        return json_response(200, envelope(msgspec.json.encode(health)))

    async def ready(self, _request: Request) -> RawResponse:
        """Presence can be read."""
        await self._store.ping()
        return json_response(200, envelope(b'{"ready":true}'))
