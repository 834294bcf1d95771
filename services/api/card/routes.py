"""GET /card/:id.svg and .png."""

from __future__ import annotations

from starlette.requests import Request
from starlette.routing import Route

from services.api.card import look
from services.api.card.cards import Cards
from shared.http.responses import PNG, SVG, RawResponse, image_response


class CardEndpoints:
    def __init__(self, cards: Cards) -> None:
        self._cards = cards

    def routes(self) -> list[Route]:
        return [
            Route("/card/{user_id}.svg", self.svg),
            Route("/card/{user_id}.png", self.png),
        ]

    async def svg(self, request: Request) -> RawResponse:
        """A picture, whatever happens: problems.py has no say here."""
        return await self._card(request, SVG)

    async def png(self, request: Request) -> RawResponse:
        """The very same drawing, standing still."""
        return await self._card(request, PNG)

    async def _card(self, request: Request, kind: bytes) -> RawResponse:
        shown, unusable = look.read(request.query_params.multi_items())
        card = await self._cards.card(request.path_params["user_id"], shown, kind == PNG)
        return image_response(
            card.body,
            kind,
            request,
            max_age=card.max_age,
            problem=card.problem,
            unusable=unusable,
        )
