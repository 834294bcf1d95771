"""What every REST request passes around its handler: faults, token, rate limit."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from simulator.faults import Faults, RestFault
from simulator.interaction_rest import CALLBACK, WEBHOOK, WEBHOOK_MESSAGE
from simulator.oauth_grants import Grants, TokenPair
from simulator.options import Options
from simulator.problems import RestError, plain, too_many
from simulator.ratelimit import RateLimits
from simulator.stats import Stats

API_PREFIX: Final = "/api/v10"
TOO_MANY: Final = 429
_SHARED: Final = {"X-RateLimit-Scope": "shared"}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

BEARER: Final = web.RequestKey("bearer", TokenPair)
"""The token of a request with ``Authorization: Bearer``."""

# Routes of people, with a token of OAuth2. The bot may use the first as well.
_OF_BOT_AND_PEOPLE: Final = "/users/@me"
_OF_PEOPLE: Final = frozenset(
    {"/oauth2/@me", "/users/@me/connections", "/users/@me/guilds/{guild_id}/member"}
)
# Routes of the client itself: its id and secret are checked by their handlers.
_OF_CLIENT: Final = frozenset({"/oauth2/token", "/oauth2/token/revoke"})
# Routes that answer without a token.
_OPEN: Final = frozenset({"/gateway", "/applications/{application_id}/rpc", "/games/detectable"})
# The token is in the path, and the limits are not those of the bot.
_OF_INTERACTIONS: Final = frozenset({CALLBACK, WEBHOOK, WEBHOOK_MESSAGE})


class RestMiddleware:
    """An aiohttp middleware for the REST application."""

    def __init__(self, options: Options, stats: Stats, faults: Faults, grants: Grants) -> None:
        self._options = options
        self._stats = stats
        self._faults = faults
        self._grants = grants
        self._limits = RateLimits(options)  # of the bot, and of requests without a token
        self._limits_by_user: dict[str, RateLimits] = {}

    @web.middleware
    async def handle(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """The middleware."""
        route = route_of(request)
        self._stats.rest_by_route[f"{request.method} {route}"] += 1
        try:
            response = await self._answer(request, handler, route)
        except RestError as problem:
            response = problem.response()
        self._stats.rest_by_status[response.status] += 1
        return response

    async def _answer(
        self, request: web.Request, handler: Handler, route: str
    ) -> web.StreamResponse:
        fault = self._faults.take_rest(request.path.removeprefix(API_PREFIX))
        if fault is None:
            return await self._served(request, handler, route)
        early = await self._served(request, handler, route) if fault.carried_out else None
        spoiled = await suffer(fault, {} if route in _OF_CLIENT else _SHARED)
        if spoiled is not None:
            return spoiled
        return await self._served(request, handler, route) if early is None else early

    async def _served(
        self, request: web.Request, handler: Handler, route: str
    ) -> web.StreamResponse:
        if request.match_info.http_exception is not None:
            raise plain(request.match_info.http_exception.status)
        if route in _OF_CLIENT or route in _OF_INTERACTIONS:
            return await handler(request)  # without rate-limit headers
        verdict = self._limits_of(request, route).take(_bucket(route, request))
        if verdict.retry_after is not None:
            return too_many(
                verdict.retry_after, is_global=verdict.is_global, headers=verdict.headers
            )
        try:
            response = await handler(request)
        except RestError as problem:
            response = problem.response()
        response.headers.update(verdict.headers)
        return response

    def _limits_of(self, request: web.Request, route: str) -> RateLimits:
        """The limits that this request counts against. Raises 401 without the right token."""
        if route in _OPEN or (route not in _OF_PEOPLE and self._is_our_bot(request)):
            return self._limits
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        pair = self._grants.find(token) if scheme == "Bearer" else None
        if pair is None or (route not in _OF_PEOPLE and route != _OF_BOT_AND_PEOPLE):
            raise plain(401)
        request[BEARER] = pair
        return self._limits_by_user.setdefault(pair.user_id, RateLimits(self._options))

    def _is_our_bot(self, request: web.Request) -> bool:
        return request.headers.get("Authorization", "") == f"Bot {self._options.token}"


async def meet_fault(faults: Faults, path: str) -> web.Response | None:
    """Wait, fail, or neither, as the faults in force for this path say."""
    fault = faults.take_rest(path)
    return None if fault is None else await suffer(fault, _SHARED)


async def suffer(fault: RestFault, headers: dict[str, str]) -> web.Response | None:
    """Wait, fail, or neither. `headers`: those of a 429."""
    await asyncio.sleep(fault.delay)
    if fault.status == TOO_MANY:
        return too_many(fault.retry_after, is_global=False, headers=headers)
    return None if fault.status is None else plain(fault.status).response()


def route_of(request: web.Request) -> str:
    """The route's template without ``/api/v10``, such as ``/users/{user_id}``."""
    resource = request.match_info.route.resource
    return "unknown" if resource is None else resource.canonical.removeprefix(API_PREFIX)


def _bucket(route: str, request: web.Request) -> str:
    """Guilds are a major parameter: each has its own bucket."""
    guild_id = request.match_info.get("guild_id")
    return route if guild_id is None else route.replace("{guild_id}", guild_id)
