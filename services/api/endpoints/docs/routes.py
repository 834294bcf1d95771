"""/openapi.json and /asyncapi.json with their pages, the documents of docs/, and /llms.txt.

All of it is built once, and comes from here: /docs works without the internet,
and no third party learns who reads it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import Route

from services.api.asyncapi import document as asyncapi
from services.api.endpoints.docs import pages
from services.api.endpoints.docs.guide_files import GuideFiles
from services.api.http.precompressed import PrecompressedResponse
from services.api.openapi import document as openapi
from services.api.openapi.schemas import Json
from shared.config import ApiSettings
from shared.http import responses
from shared.http.responses import RawResponse

STATIC: Final = Path(__file__).parent / "static"

_MEDIA_TYPES: Final = {
    ".js": b"text/javascript; charset=utf-8",
    ".css": b"text/css; charset=utf-8",
}


class DocsEndpoints:
    """Responses that stay the same until the process ends."""

    def __init__(self, settings: ApiSettings) -> None:
        rest = openapi.document(settings.public_url)
        self._openapi = _json(rest)
        websocket = asyncapi.document(settings.public_ws_url)
        self._asyncapi = _json(websocket)
        self._rest = pages.rest(rest, settings)
        self._websocket = pages.websocket(websocket)
        self._privacy = pages.privacy(settings)
        self._files = _load_files()
        self._guides = GuideFiles(rest, websocket, settings)

    def routes(self) -> list[Route]:
        return [
            Route("/openapi.json", self.openapi),
            Route("/asyncapi.json", self.asyncapi),
            Route("/docs", self.rest),
            Route("/docs/websocket", self.websocket),
            Route("/docs/{name}", self.file),
            Route("/docs/{folder}/{name}", self.file),
            Route("/llms.txt", self.llms),
            Route("/privacy", self.privacy),
        ]

    async def openapi(self, request: Request) -> RawResponse:
        return self._openapi.answer(request.scope["headers"])

    async def asyncapi(self, request: Request) -> RawResponse:
        return self._asyncapi.answer(request.scope["headers"])

    async def rest(self, request: Request) -> RawResponse:
        return self._rest.answer(request.scope["headers"])

    async def websocket(self, request: Request) -> RawResponse:
        return self._websocket.answer(request.scope["headers"])

    async def privacy(self, request: Request) -> RawResponse:
        return self._privacy.answer(request.scope["headers"])

    async def llms(self, request: Request) -> RawResponse:
        return self._guides.llms.answer(request.scope["headers"])

    async def file(self, request: Request) -> RawResponse:
        """A document, or a file that the pages load. Any other name is 404 `not_found`."""
        name = "/".join(request.path_params.values())
        found = self._files.get(name) or await self._guides.get(name)
        if found is None:
            raise HTTPException(404)
        return found.answer(request.scope["headers"])


def _json(document: Json) -> PrecompressedResponse:
    return PrecompressedResponse.of(msgspec.json.encode(document), responses.JSON)


def _load_files() -> dict[str, PrecompressedResponse]:
    """By name."""
    return {
        path.name: PrecompressedResponse.of(path.read_bytes(), _MEDIA_TYPES[path.suffix])
        for path in sorted(STATIC.iterdir())
    }
