"""What every REST request passes before its handler: faults, token, rate limit."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from simulator.faults import Faults
from simulator.interaction_rest import CALLBACK, WEBHOOK, WEBHOOK_MESSAGE
from simulator.options import Options
from simulator.problems import RestError, plain, too_many
from simulator.ratelimit import RateLimits
from simulator.stats import Stats

API_PREFIX: Final = "/api/v10"
TOO_MANY: Final = 429

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

# Routes that answer without a token.
_OPEN: Final = frozenset({"/gateway", "/applications/{application_id}/rpc", "/games/detectable"})
# The token is in the path, and the limits are not those of the bot.
_OF_INTERACTIONS: Final = frozenset({CALLBACK, WEBHOOK, WEBHOOK_MESSAGE})


class RestMiddleware:
    """An aiohttp middleware for the REST application."""

    def __init__(self, options: Options, stats: Stats, faults: Faults) -> None:
        self._options = options
        self._stats = stats
        self._faults = faults
        self._limits = RateLimits(options)

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
        spoiled = await meet_fault(self._faults, request.path.removeprefix(API_PREFIX))
        if spoiled is not None:
            return spoiled
        if request.match_info.http_exception is not None:
            raise plain(request.match_info.http_exception.status)
        if route in _OF_INTERACTIONS:
            return await handler(request)
        if route not in _OPEN and not self._is_our_bot(request):
            raise plain(401)
        verdict = self._limits.take(_bucket(route, request))
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

    def _is_our_bot(self, request: web.Request) -> bool:
        return request.headers.get("Authorization", "") == f"Bot {self._options.token}"


async def meet_fault(faults: Faults, path: str) -> web.Response | None:
    """Wait, fail, or neither, as the faults in force for this path say."""
    fault = faults.take_rest(path)
    if fault is None:
        return None
    await asyncio.sleep(fault.delay)
    if fault.status == TOO_MANY:
        headers = {"X-RateLimit-Scope": "shared"}
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
