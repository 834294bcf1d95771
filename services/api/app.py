"""The routes. What is kept between requests is true of Redis, so any replica answers the same."""

from __future__ import annotations

from typing import Final

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp

from services.api import pages, problems
from services.api.answers import Answer, envelope, final, tagged
from services.api.cache import ACTIVITY, USER, Cache
from services.api.cors import Preflight
from services.api.docs.routes import Documents
from services.api.honesty import Pulse
from services.api.negotiation import prefers_html
from services.api.problems import InvalidUserId, UserNotMonitored
from services.api.shortcut import Shortcut
from shared import snowflake
from shared.config import ApiSettings
from shared.facts import complete
from shared.profiles import Profiles
from shared.reads import Read, Reads
from shared.store import Store, StoreUnavailable

INFO: Final = (
    "Grux: Discord presence as one fetch or one WebSocket. Ask GET /user/:userid for profile and "
    "presence, GET /activity/:userid for presence alone."
)
_VARY: Final = (b"vary", b"Accept")


def build(
    store: Store,
    profiles: Profiles,
    settings: ApiSettings,
    cache: Cache | None = None,
    pulse: Pulse | None = None,
) -> ASGIApp:
    """The whole application over these, which stay open as long as it serves.

    `cache`: what `shared.tracking` keeps true; without one every read goes to Redis. `pulse`: the
    gateway's; without one nothing is known of it.
    """
    cache = Cache() if cache is None else cache
    endpoints = Endpoints(store, profiles, settings, cache, pulse)
    app = Starlette(
        routes=routes(endpoints, Documents(settings)),
        exception_handlers=problems.handlers(settings.discord_invite or None),
    )
    app.router.redirect_slashes = False  # one resource, one address
    return Shortcut(cache, Preflight(app))


def routes(endpoints: Endpoints, documents: Documents) -> list[Route]:
    """Each is described in services/api/openapi/operations.py."""
    return [
        Route(f"{USER}{{user_id}}", endpoints.user),
        Route(f"{ACTIVITY}{{user_id}}", endpoints.activity),
        Route("/", endpoints.front),
        Route("/health", endpoints.health),
        Route("/ready", endpoints.ready),
        *documents.routes(),
    ]


class Endpoints:
    """What each route answers. Every method may raise what problems.PROBLEMS lists."""

    def __init__(
        self,
        store: Store,
        profiles: Profiles,
        settings: ApiSettings,
        cache: Cache,
        pulse: Pulse | None,
    ) -> None:
        self._store = store
        self._pulse = pulse
        self._profiles = profiles
        self._cache = cache
        self._invite = settings.discord_invite or None
        self._page = pages.front(settings)
        with_facts = settings.profile_source != "off"
        self._reads = Reads(store, settings.profile_ttl, with_facts=with_facts)

    async def user(self, request: Request) -> Answer:
        """`data`: `{"profile", "status", "spotify", "activity", "custom_status"}`"""
        user_id = _user_id(request)
        with self._cache.loading(user_id) as load:
            read = await self._read(user_id)
            facts = read.facts
            if read.ask:  # only now: a stranger's id must cost nothing more
                facts = await self._profiles.facts(user_id) or facts
            snapshot = read.snapshot
            profile = complete(snapshot.profile, facts)
            found = tagged(envelope(b'{"profile":%b,%b' % (profile, snapshot.presence[1:])))
            load.keep(USER, snapshot.version, found, until=read.good_until)
        return found.answer(request.scope["headers"])

    async def activity(self, request: Request) -> Answer:
        """`data`: `{"status", "spotify", "activity", "custom_status"}`"""
        user_id = _user_id(request)
        with self._cache.loading(user_id) as load:
            snapshot = (await self._read(user_id)).snapshot
            found = tagged(envelope(snapshot.presence))
            load.keep(ACTIVITY, snapshot.version, found)
        return found.answer(request.scope["headers"])

    async def front(self, request: Request) -> Answer:
        """The page, or `data`: `{"info", "discord_invite", "monitored_user_count"}`"""
        if prefers_html(", ".join(request.headers.getlist("accept"))):
            return self._page.answer(request.scope["headers"])
        data = {
            "info": INFO,
            "discord_invite": self._invite,
            "monitored_user_count": await self._store.count_users(),
        }
        found = tagged(envelope(msgspec.json.encode(data)), _VARY)
        return found.answer(request.scope["headers"])

    async def health(self, _request: Request) -> Answer:
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
        return final(200, envelope(msgspec.json.encode(health)))

    async def ready(self, _request: Request) -> Answer:
        """Presence can be read."""
        await self._store.ping()
        return final(200, envelope(b'{"ready":true}'))

    async def _read(self, user_id: int) -> Read:
        read = await self._reads.read(user_id)
        if read is None:
            raise UserNotMonitored
        return read


def _user_id(request: Request) -> int:
    user_id = snowflake.parse(request.path_params["user_id"])
    if user_id is None:
        raise InvalidUserId
    return user_id
