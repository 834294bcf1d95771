"""The routes of the cards service, and the objects behind them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp

from services.cards import card_options
from services.cards.badges import BadgeEndpoints
from services.cards.card_service import CardService, CardTimings, PictureKind
from services.cards.fair_share import FairShare
from services.cards.image_allowlist import ImageAllowlist
from services.cards.image_fetcher import FETCH_TIMEOUT_S, ImageFetcher
from services.cards.image_store import IMAGE_WAIT_S, ImageStore
from services.cards.render_pool import RenderPool
from shared.config import CardsSettings
from shared.http import errors
from shared.http.health_endpoints import HealthEndpoints
from shared.http.middleware import PreflightMiddleware, SpellingFallback, StalenessSource
from shared.http.responses import PNG, SVG, RawResponse, image_response, parameters_of
from shared.net.bounded_input import is_long_query
from shared.net.client_address import ClientResolver, Networks, forwarded_for_tail
from shared.profiles.user_reader import UserReader
from shared.redis.store import Store


@asynccontextmanager
async def open_app(
    store: Store,
    users: UserReader,
    settings: CardsSettings,
    staleness: StalenessSource,
    pool: RenderPool,
    *,
    timings: CardTimings | None = None,
    image_wait_s: float = IMAGE_WAIT_S,
    fetch_timeout_s: float = FETCH_TIMEOUT_S,
) -> AsyncIterator[ASGIApp]:
    """The application, which serves as long as the block runs.

    `staleness`: how long the gateway has been silent. `image_wait_s`: that a card waits for its
    images. `fetch_timeout_s`: for the whole response of an image's server.
    """
    allowlist = ImageAllowlist(settings.discord_cdn_url, settings.discord_cdn_fetch_url)
    invite = settings.discord_invite or None
    shares, requester_of = FairShare(), RequesterResolver(settings.proxies())
    async with (
        ImageFetcher(fetch_timeout_s) as fetcher,
        ImageStore(store, allowlist, fetcher, pool, image_wait_s) as images,
        CardService(users, images, pool, shares, invite, staleness, timings) as cards,
    ):
        public = routes(
            CardEndpoints(cards, requester_of), BadgeEndpoints(users, pool, shares, requester_of)
        )
        own = HealthEndpoints(store, staleness).routes()
        app = Starlette(routes=[*public, *own], exception_handlers=errors.handlers(invite))
        app.router.redirect_slashes = False  # to absolute URLs, and not for other spellings
        app.router.default = SpellingFallback(app.router)
        yield PreflightMiddleware(app)


def routes(card: CardEndpoints, badge: BadgeEndpoints) -> list[Route]:
    """What clients reach under the one public origin. The api's /openapi.json describes them."""
    return [
        Route("/card/{user_id}.svg", card.svg),
        Route("/card/{user_id}.png", card.png),
        Route("/now-playing/{user_id}.svg", card.now_playing_svg),
        Route("/now-playing/{user_id}.png", card.now_playing_png),
        Route("/badge/{user_id}.json", badge.json),
        Route("/badge/{user_id}.svg", badge.svg),
    ]


class CardEndpoints:
    """GET /card/:id.svg and .png, and the same of /now-playing. All always answer with an image."""

    def __init__(self, cards: CardService, requester_of: Callable[[Request], str]) -> None:
        """`requester_of`: the address that renders are counted by."""
        self._cards = cards
        self._requester_of = requester_of

    async def svg(self, request: Request) -> RawResponse:
        """The card, with a running clock and animated images."""
        return await self._card(request, SVG)

    async def png(self, request: Request) -> RawResponse:
        """The same drawing without animation."""
        return await self._card(request, PNG)

    async def now_playing_svg(self, request: Request) -> RawResponse:
        """The song, with a running clock and bar."""
        return await self._card(request, SVG, "now-playing")

    async def now_playing_png(self, request: Request) -> RawResponse:
        """The same drawing without animation."""
        return await self._card(request, PNG, "now-playing")

    async def _card(
        self, request: Request, media_type: bytes, kind: PictureKind = "card"
    ) -> RawResponse:
        options, invalid = card_options.parse(parameters_of(request).items())
        if is_long_query(request.url.query):
            options, unread = card_options.hiding_all(options)
            invalid = list(dict.fromkeys([*invalid, *unread]))
        user_id = request.path_params["user_id"]
        requester = self._requester_of(request)
        card = await self._cards.card(user_id, options, media_type == PNG, requester, kind)
        return image_response(
            card.body,
            media_type,
            request,
            max_age=card.max_age_s,
            problem=card.problem,
            unusable=invalid,
        )


class RequesterResolver:
    """Finds the address that requests an image. It is empty for all that cannot be told apart."""

    def __init__(self, trusted: Networks) -> None:
        """`trusted`: proxies whose X-Forwarded-For is believed."""
        self._clients = ClientResolver(trusted)

    def __call__(self, request: Request) -> str:
        if request.client is None:
            return ""
        forwarded = forwarded_for_tail(request.headers.getlist("x-forwarded-for"))
        return self._clients.client_ip(request.client.host, forwarded) or ""
