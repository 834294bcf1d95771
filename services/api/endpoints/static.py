"""Files that browsers load from here: the widget, and what the page at `/` is made of.

Any website may load the widget; what belongs to the page is public as well, and no secret.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.routing import Route

from services.api.endpoints import widget_bundle
from services.api.http.precompressed import PrecompressedResponse
from shared.config import ApiSettings
from shared.http.responses import RawResponse

FOLDER: Final = Path(__file__).parents[3] / "web"

_SCRIPT: Final = b"text/javascript; charset=utf-8"
_KINDS: Final = {
    ".css": b"text/css; charset=utf-8",
    ".js": _SCRIPT,
    ".svg": b"image/svg+xml; charset=utf-8",
    ".ts": b"application/typescript; charset=utf-8",
}
_PLAIN: Final = ("page.css", "page.js", "snippets.js", "favicon.svg", "widget.d.ts")

_FOR_ANYBODY: Final = (b"cross-origin-resource-policy", b"cross-origin")
_TYPES: Final = (b"x-typescript-types", b"/widget.d.ts")  # Deno asks for it

SOON_ASKED_AGAIN: Final = b"public, max-age=300, stale-while-revalidate=86400"
"""Of the widget: pages need not wait for it, and a new one is everywhere in minutes."""


def routes(settings: ApiSettings) -> list[Route]:
    """One for each file."""
    script = widget_bundle.joined(FOLDER / "widget", settings).encode()
    headers = (_FOR_ANYBODY, _TYPES)
    found = {
        "widget.js": PrecompressedResponse.of(script, _SCRIPT, *headers, keep=SOON_ASKED_AGAIN)
    }
    for name in _PLAIN:
        path = FOLDER / name
        found[name] = PrecompressedResponse.of(path.read_bytes(), _KINDS[path.suffix], _FOR_ANYBODY)
    return [Route(f"/{name}", _endpoint(file)) for name, file in found.items()]


def _endpoint(file: PrecompressedResponse) -> Callable[[Request], Awaitable[RawResponse]]:
    async def endpoint(request: Request) -> RawResponse:
        return file.answer(request.scope["headers"])

    return endpoint
