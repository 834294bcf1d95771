"""Open CORS: any page may read every answer, errors included. Fetch standard, CORS protocol."""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

METHODS: Final = b"GET, HEAD, OPTIONS"

HEADERS: Final = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"ETag, Retry-After, X-Grux-Stale"),
)
"""Part of every answer."""

_PREFLIGHT: Final = [
    *HEADERS,
    (b"access-control-allow-methods", METHODS),
    (b"access-control-allow-headers", b"*, Authorization"),  # `*` does not cover that one
    (b"access-control-max-age", b"86400"),
    (b"allow", METHODS),
    (b"cache-control", b"no-store"),
]


class Preflight:
    """Answers OPTIONS, on routes that do not exist as well: the page then sees the 404."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "OPTIONS":
            await self._app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 204, "headers": _PREFLIGHT})
        await send({"type": "http.response.body", "body": b""})
