"""Static files: the widget, and the parts of the pages at `/` and `/me`.

Any website may load the widget. The parts of the pages are public as well.
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
from shared.http.responses import CROSS_ORIGIN, RawResponse

PAGE_DIR: Final = Path(__file__).parents[3] / "web" / "page"
ME_DIR: Final = PAGE_DIR.with_name("me")
WIDGET_DIR: Final = PAGE_DIR.with_name("widget")
EMBEDDED_DIR: Final = PAGE_DIR.with_name("embedded")

_SCRIPT: Final = b"text/javascript; charset=utf-8"
_CONTENT_TYPES: Final = {
    ".css": b"text/css; charset=utf-8",
    ".js": _SCRIPT,
    ".png": b"image/png",
    ".svg": b"image/svg+xml; charset=utf-8",
    ".ts": b"application/typescript; charset=utf-8",
    ".woff2": b"font/woff2",
}
_FILES: Final = (
    PAGE_DIR / "page.css",
    PAGE_DIR / "page.js",
    PAGE_DIR / "person.css",
    PAGE_DIR / "builder.css",
    PAGE_DIR / "builder.js",
    PAGE_DIR / "live_picture.js",
    PAGE_DIR / "options.js",
    PAGE_DIR / "snippets.js",
    PAGE_DIR / "theme.js",
    PAGE_DIR / "why.js",
    PAGE_DIR / "favicon.svg",
    PAGE_DIR / "preview.png",
    ME_DIR / "me.css",
    ME_DIR / "me.js",
    ME_DIR / "patch.js",
    EMBEDDED_DIR / "embedded.css",
    WIDGET_DIR / "loopback.js",  # the page uses it as well
    WIDGET_DIR / "widget.d.ts",
)

_FONTS: Final = WIDGET_DIR / "fonts"  # of display names
_FONT_CACHE_CONTROL: Final = b"public, max-age=2592000"  # they do not change

_TYPES: Final = (b"x-typescript-types", b"/widget.d.ts")  # Deno reads it

WIDGET_CACHE_CONTROL: Final = b"public, max-age=300, stale-while-revalidate=86400"
"""Pages need not wait for the widget, and a new version reaches them within minutes."""


def routes(settings: ApiSettings) -> list[Route]:
    """One route for each file."""
    script = widget_bundle.bundle(WIDGET_DIR, settings).encode()
    headers = (CROSS_ORIGIN, _TYPES)
    widget = PrecompressedResponse.of(script, _SCRIPT, *headers, keep=WIDGET_CACHE_CONTROL)
    found = {"widget.js": widget}
    for path in _FILES:
        content_type = _CONTENT_TYPES[path.suffix]
        found[path.name] = PrecompressedResponse.of(path.read_bytes(), content_type, CROSS_ORIGIN)
    for path in sorted(_FONTS.glob("*.woff2")):
        kind = _CONTENT_TYPES[path.suffix]
        found[f"fonts/{path.name}"] = PrecompressedResponse.of(
            path.read_bytes(), kind, CROSS_ORIGIN, keep=_FONT_CACHE_CONTROL
        )
    return [Route(f"/{name}", _endpoint(file)) for name, file in found.items()]


def _endpoint(file: PrecompressedResponse) -> Callable[[Request], Awaitable[RawResponse]]:
    async def endpoint(request: Request) -> RawResponse:
        return file.answer(request.scope["headers"])

    return endpoint
