"""/openapi.json and /asyncapi.json, and the pages that show them: all of it ready at the start."""

from __future__ import annotations

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import Route

from services.api.asyncapi import document as asyncapi
from services.api.docs import files, pages
from services.api.http.precompressed import Compressed
from services.api.openapi import document as openapi
from services.api.openapi.operations import OPERATIONS
from services.api.openapi.schemas import Json
from shared.config import ApiSettings
from shared.http import responses
from shared.http.responses import RawResponse


class Documents:
    """Answers that are the same until the process ends."""

    def __init__(self, settings: ApiSettings) -> None:
        self._openapi = _json(openapi.document(OPERATIONS, settings.public_url))
        self._asyncapi = _json(asyncapi.document(settings.public_ws_url))
        self._rest = pages.rest(settings)
        self._websocket = pages.websocket()
        self._files = files.load()

    def routes(self) -> list[Route]:
        return [
            Route("/openapi.json", self.openapi),
            Route("/asyncapi.json", self.asyncapi),
            Route("/docs", self.rest),
            Route("/docs/websocket", self.websocket),
            Route("/docs/{name}", self.file),
        ]

    async def openapi(self, request: Request) -> RawResponse:
        return self._openapi.answer(request.scope["headers"])

    async def asyncapi(self, request: Request) -> RawResponse:
        return self._asyncapi.answer(request.scope["headers"])

    async def rest(self, request: Request) -> RawResponse:
        return self._rest.answer(request.scope["headers"])

    async def websocket(self, request: Request) -> RawResponse:
        return self._websocket.answer(request.scope["headers"])

    async def file(self, request: Request) -> RawResponse:
        """What the pages load. A name that is not there is no route: 404."""
        found = self._files.get(request.path_params["name"])
        if found is None:
            raise HTTPException(404)
        return found.answer(request.scope["headers"])


def _json(document: Json) -> Compressed:
    return Compressed.of(msgspec.json.encode(document), responses.JSON)
