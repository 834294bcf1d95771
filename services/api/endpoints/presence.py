"""/user/:id, /activity/:id and `/`."""

from __future__ import annotations

from typing import Final

import msgspec
from starlette.requests import Request
from starlette.routing import Route

from services.api.endpoints import front_page
from services.api.http.negotiation import prefers_html
from services.api.middleware.response_cache import ACTIVITY_PATH, USER_PATH, ResponseCache
from services.api.user_responses import activity_response, user_response
from shared.config import ApiSettings
from shared.discord import snowflake
from shared.http.errors import InvalidUserId
from shared.http.responses import CacheableResponse, RawResponse, cacheable, envelope
from shared.profiles.user_reader import UserReader
from shared.redis.store import Store
from shared.version import VERSION

USER_ROUTE: Final = f"{USER_PATH}{{user_id}}"
ACTIVITY_ROUTE: Final = f"{ACTIVITY_PATH}{{user_id}}"
INFO: Final = (
    "Grux: Discord presence as one fetch or one WebSocket. Ask GET /user/:userid for profile and "
    "presence, GET /activity/:userid for presence alone."
)
_VARY_ACCEPT: Final = (b"vary", b"Accept")


class PresenceEndpoints:
    """Each endpoint may raise the exceptions that shared.http.errors turns into responses."""

    def __init__(
        self,
        store: Store,
        users: UserReader,
        settings: ApiSettings,
        cache: ResponseCache,
    ) -> None:
        self._store = store
        self._users = users
        self._cache = cache
        self._invite = settings.discord_invite or None
        self._page = front_page.front(settings)

    def routes(self) -> list[Route]:
        return [
            Route(USER_ROUTE, self.user),
            Route(ACTIVITY_ROUTE, self.activity),
            Route("/", self.front),
        ]

    async def user(self, request: Request) -> RawResponse:
        """`data`: `{"profile", "status", "spotify", "activity", "custom_status", "listening"}`"""
        response = await self.load_user(user_id_of(request))
        return response.answer(request.scope["headers"])

    async def load_user(self, user_id: int) -> CacheableResponse:
        """The response of GET /user/:id from Redis, which is kept in memory. Raises as `user`."""
        with self._cache.loading(user_id) as load:
            return user_response(load, await self._users.view(user_id))

    async def activity(self, request: Request) -> RawResponse:
        """`data`: `{"status", "spotify", "activity", "custom_status", "listening"}`"""
        response = await self.load_activity(user_id_of(request))
        return response.answer(request.scope["headers"])

    async def load_activity(self, user_id: int) -> CacheableResponse:
        """The response of GET /activity/:id, likewise."""
        with self._cache.loading(user_id) as load:
            return activity_response(load, (await self._users.read(user_id)).snapshot)

    async def front(self, request: Request) -> RawResponse:
        """The page, or `data`: `{"info", "discord_invite", "monitored_user_count", "version"}`"""
        if prefers_html(", ".join(request.headers.getlist("accept"))):
            return self._page.answer(request.scope["headers"])
        data = {
            "info": INFO,
            "discord_invite": self._invite,
            "monitored_user_count": await self._store.count_users(),
            "version": VERSION,
        }
        response = cacheable(envelope(msgspec.json.encode(data)), _VARY_ACCEPT)
        return response.answer(request.scope["headers"])


def user_id_of(request: Request) -> int:
    """The Discord id in the path. Raises InvalidUserId."""
    text = request.path_params["user_id"]
    user_id = snowflake.parse(text)
    if user_id is None:
        raise InvalidUserId(snowflake.problem(text))
    return user_id
