"""The application: routes and wiring.

Every response is computed from Redis, or from a cache that Redis keeps valid, so all replicas
answer alike.
"""

from __future__ import annotations

from typing import Final

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from services.api.accounts.routes import account_routes, methods_of
from services.api.accounts.service import AccountService
from services.api.endpoints import static
from services.api.endpoints.avatar import AvatarEndpoints
from services.api.endpoints.cards_proxy import CardsProxy
from services.api.endpoints.check import CheckEndpoints
from services.api.endpoints.docs.routes import DocsEndpoints
from services.api.endpoints.embedded_widget import EMBED_PATH, OVERLAY_PATH, EmbeddedWidgetEndpoints
from services.api.endpoints.history import HistoryEndpoints
from services.api.endpoints.lanyard import SOCKET_ROUTE, LanyardEndpoints, write_methods
from services.api.endpoints.many_users import ManyUsersEndpoints
from services.api.endpoints.now_playing import NowPlayingEndpoints
from services.api.endpoints.oembed import OEmbedEndpoints
from services.api.endpoints.person_page import PERSON_PATH, PersonPageEndpoints
from services.api.endpoints.presence import ACTIVITY_ROUTE, USER_ROUTE, PresenceEndpoints
from services.api.key_value import KeyValueService
from services.api.middleware.response_cache import ResponseCache, ResponseCacheMiddleware
from shared.config import ApiSettings
from shared.http import errors
from shared.http.health_endpoints import HealthEndpoints
from shared.http.middleware import PreflightMiddleware, SpellingFallback, StalenessSource
from shared.profiles.user_reader import UserReader
from shared.redis.history import HistoryStore
from shared.redis.store import Store

PAGES: Final = ("/docs", "/me", "/me/erase")
PAGE_PREFIXES: Final = ("/docs/", OVERLAY_PATH, EMBED_PATH, PERSON_PATH)
"""Those with relative links."""

MOST_READ: Final = (USER_ROUTE, ACTIVITY_ROUTE)
"""No other route matches what these match."""


def build(
    store: Store,
    users: UserReader,
    settings: ApiSettings,
    cache: ResponseCache | None = None,
    liveness: StalenessSource | None = None,
    cards: CardsProxy | None = None,
    kv: KeyValueService | None = None,
    accounts: AccountService | None = None,
    history: HistoryStore | None = None,
) -> ASGIApp:
    """The whole application. The arguments must stay open while it serves.

    `kv`, `accounts`, `history`: without them, the durable Redis is that of `store`.

    `cache` is kept valid by `shared.redis.invalidation`; without one every read goes to Redis.
    `liveness` tells whether the gateway is silent; without one /health does not know. `cards`
    forwards to the cards service; without it there are no /card, /badge and pictures here.
    """
    cache = ResponseCache() if cache is None else cache
    described = routes(store, users, settings, cache, liveness, kv, accounts, history)
    found: list[BaseRoute] = [
        *static.routes(settings),  # before the quick links: /preview.png is no user
        *(cards.routes() if cards else ()),
        *described,
        SOCKET_ROUTE,
    ]
    app = Starlette(
        # The router tries one after the other. If it tries 17 others first, a read that goes to
        # Redis costs a tenth more CPU.
        routes=sorted(found, key=_is_most_read, reverse=True),
        exception_handlers=errors.handlers(settings.discord_invite or None),
    )
    app.router.redirect_slashes = False  # to absolute URLs, and not for other spellings
    app.router.default = SpellingFallback(app.router, PAGES, PAGE_PREFIXES)
    preflight = PreflightMiddleware(app, write_methods, methods_of(described))
    return ResponseCacheMiddleware(cache, preflight)


def _is_most_read(route: BaseRoute) -> bool:
    return isinstance(route, Route) and route.path in MOST_READ


def routes(
    store: Store,
    users: UserReader,
    settings: ApiSettings,
    cache: ResponseCache,
    liveness: StalenessSource | None,
    kv: KeyValueService | None = None,
    accounts: AccountService | None = None,
    history: HistoryStore | None = None,
) -> list[Route]:
    """Every route but the static files and the socket. services/api/openapi/ describes them."""
    kv = KeyValueService.of(store, store, settings) if kv is None else kv
    accounts = AccountService(store, store, settings) if accounts is None else accounts
    if history is None:
        history = HistoryStore(accounts.durable, days=settings.history_days)
    presence = PresenceEndpoints(store, users, settings, cache)
    return [
        *presence.routes(),
        *ManyUsersEndpoints(presence, cache).routes(),
        *NowPlayingEndpoints(users, history, cache).routes(),
        *HistoryEndpoints(users, history).routes(),
        *CheckEndpoints(store, users, settings, liveness).routes(),
        *HealthEndpoints(store, liveness).routes(),
        *AvatarEndpoints(users).routes(),
        *DocsEndpoints(settings).routes(),
        *EmbeddedWidgetEndpoints(settings).routes(),
        *PersonPageEndpoints(users, settings).routes(),
        *OEmbedEndpoints(users, settings).routes(),
        *LanyardEndpoints(store, users, kv, settings, cache).routes(),
        *account_routes(accounts, users),
    ]
