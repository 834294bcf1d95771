"""The routes. Nothing is kept between requests, so any replica answers the same."""

from __future__ import annotations

from typing import Final

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp

from services.api import pages, problems
from services.api.answers import Answer, checked, envelope, final
from services.api.cors import Preflight
from services.api.negotiation import prefers_html
from services.api.problems import InvalidUserId, UserNotMonitored
from shared import snowflake
from shared.config import ApiSettings
from shared.facts import complete
from shared.profiles import Profiles
from shared.snapshot import Snapshot
from shared.store import Store

INFO: Final = (
    "Grux: Discord presence as one fetch or one WebSocket. Ask GET /user/:userid for profile and "
    "presence, GET /activity/:userid for presence alone."
)
_VARY: Final = (b"vary", b"Accept")


def build(store: Store, profiles: Profiles, settings: ApiSettings) -> ASGIApp:
    """The whole application over these two, which stay open as long as it serves."""
    endpoints = Endpoints(store, profiles, settings)
    app = Starlette(
        routes=[
            Route("/user/{user_id}", endpoints.user),
            Route("/activity/{user_id}", endpoints.activity),
            Route("/", endpoints.front),
            Route("/health", endpoints.health),
            Route("/ready", endpoints.ready),
        ],
        exception_handlers=problems.handlers(settings.discord_invite or None),
    )
    app.router.redirect_slashes = False  # one resource, one address
    return Preflight(app)


class Endpoints:
    """What each route answers. Every method may raise what problems.PROBLEMS lists."""

    def __init__(self, store: Store, profiles: Profiles, settings: ApiSettings) -> None:
        self._store = store
        self._profiles = profiles
        self._invite = settings.discord_invite or None
        self._page = pages.front(settings)

    async def user(self, request: Request) -> Answer:
        """`data`: `{"profile", "status", "spotify", "activity", "custom_status"}`"""
        user_id = _user_id(request)
        snapshot = await self._load(user_id)  # first: a stranger's id must cost nothing more
        profile = complete(snapshot.profile, await self._profiles.facts(user_id))
        return checked(request, envelope(b'{"profile":%b,%b' % (profile, snapshot.presence[1:])))

    async def activity(self, request: Request) -> Answer:
        """`data`: `{"status", "spotify", "activity", "custom_status"}`"""
        snapshot = await self._load(_user_id(request))
        return checked(request, envelope(snapshot.presence))

    async def front(self, request: Request) -> Answer:
        """The page, or `data`: `{"info", "discord_invite", "monitored_user_count"}`"""
        if prefers_html(", ".join(request.headers.getlist("accept"))):
            page = self._page
            return checked(
                request, page.body, _VARY, *page.headers, kind=b"text/html; charset=utf-8"
            )
        data = {
            "info": INFO,
            "discord_invite": self._invite,
            "monitored_user_count": await self._store.count_users(),
        }
        return checked(request, envelope(msgspec.json.encode(data)), _VARY)

    async def health(self, _request: Request) -> Answer:
        """The process runs."""
        return final(200, envelope(b'{"status":"ok"}'))

    async def ready(self, _request: Request) -> Answer:
        """Presence can be read."""
        await self._store.ping()
        return final(200, envelope(b'{"ready":true}'))

    async def _load(self, user_id: int) -> Snapshot:
        snapshot = await self._store.load(user_id)
        if snapshot is None:
            raise UserNotMonitored
        return snapshot


def _user_id(request: Request) -> int:
    user_id = snowflake.parse(request.path_params["user_id"])
    if user_id is None:
        raise InvalidUserId
    return user_id
