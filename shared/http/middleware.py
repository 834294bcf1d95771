"""Small ASGI middlewares around an application: preflight, spelling, staleness, draining."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Container, Mapping, Sequence
from typing import Final, Protocol
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.http import errors
from shared.http.responses import CORS_HEADERS, METHODS, WRITE_METHODS, Header, redirect

READY_PATH: Final = "/ready"

_PREFLIGHT_HEADERS: Final = [
    *CORS_HEADERS,
    (b"access-control-allow-methods", METHODS),
    (b"access-control-allow-headers", b"*, Authorization"),  # `*` does not cover that one
    (b"access-control-max-age", b"86400"),
    (b"allow", METHODS),
    (b"cache-control", b"no-store"),
]


_WRITING_PREFLIGHT: Final = [
    *CORS_HEADERS,
    (b"access-control-allow-methods", b"GET, HEAD, PUT, PATCH, DELETE, OPTIONS"),
    (b"access-control-allow-headers", b"*, Authorization, Content-Type"),
    (b"access-control-max-age", b"86400"),
    (b"cache-control", b"no-store"),
]
_WRITING_PREFIX: Final = "/v1/"
"""Below it, pages write."""


class PreflightMiddleware:
    """Answers OPTIONS for every path: where no route exists, the page then sees the 404."""

    def __init__(
        self,
        app: ASGIApp,
        write_methods: Callable[[str], Sequence[str]] = lambda _path: (),
        own_methods: Mapping[str, bytes] | None = None,
    ) -> None:
        """`write_methods`: those of a path that cannot be read; none for all others.

        `own_methods`: the value of Allow for paths that only pages of this site write. Pages of
        other sites are allowed to read there, which without cookies is of no use.
        """
        self._app = app
        self._write_methods = write_methods
        self._own_methods = own_methods or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "OPTIONS":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        headers = _PREFLIGHT_HEADERS
        if path.lower().startswith(_WRITING_PREFIX):
            writes = self._write_methods(path)
            allowed = ", ".join([*writes, "OPTIONS"]).encode() if writes else METHODS
            headers = [*_WRITING_PREFLIGHT, (b"allow", allowed)]
        elif path in self._own_methods:
            others = [header for header in headers if header[0] != b"allow"]
            headers = [*others, (b"allow", self._own_methods[path])]
        await send({"type": "http.response.start", "status": 204, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


class SpellingFallback:
    """A router's `default`: serves `/USER/<id>` and `/user/<id>/` like `/user/<id>`.

    Routes are in lower case, and ids are digits. The keys in the paths of writes are in either
    case, and stay as they are. Lanyard's paths (/v1/) may have empty segments. Where no route has
    the path in that spelling either, the response is 404. A path of `pages`, and one that begins
    with one of `page_prefixes`, is redirected instead, because the addresses in an HTML page are
    relative to its own.
    """

    def __init__(
        self, app: ASGIApp, pages: Container[str] = (), page_prefixes: tuple[str, ...] = ()
    ) -> None:
        """`app`: the router."""
        self._app = app
        self._pages = pages
        self._page_prefixes = page_prefixes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        writes = scope["method"] in WRITE_METHODS
        usual = _usual(path, keep_case=writes)
        if usual == path:
            raise HTTPException(404)
        if usual in self._pages or usual.startswith(self._page_prefixes):
            # Relative, so that it is right below a path of a proxy as well.
            location = "../" * (path.count("/") - 1) + quote(usual[1:])
            query = b"?" + scope["query_string"] if scope["query_string"] else b""
            app: ASGIApp = redirect(308, location.encode() + query)
        else:
            app = self._app
            raw_path = _usual(scope["raw_path"].decode("latin-1"), keep_case=writes)
            scope = {**scope, "path": usual, "raw_path": raw_path.encode("latin-1")}
        await app(scope, receive, send)


def _usual(path: str, *, keep_case: bool) -> str:
    joined = re.sub("/{2,}", "/", path)
    usual = (joined if joined.lower().startswith(_WRITING_PREFIX) else path).rstrip("/") or "/"
    return usual if keep_case else usual.lower()


class StalenessSource(Protocol):
    """What StalenessMiddleware needs of shared.redis.gateway_liveness.LivenessMonitor."""

    @property
    def stale(self) -> int | None:
        """Seconds since the last sign of a gateway; None while it is not silent."""


class StalenessMiddleware:
    """While the gateway is silent, adds `X-Grux-Stale: <seconds>`: how old the data may be."""

    def __init__(self, liveness: StalenessSource, app: ASGIApp) -> None:
        self._liveness = liveness
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        stale = self._liveness.stale
        if stale is None:
            return self._app(scope, receive, send)
        return self._app(scope, receive, _adding((b"x-grux-stale", b"%d" % stale), send))


class DrainingMiddleware:
    """After `begin`, `/ready` answers 503 and every response closes its connection.

    A client that keeps its connection would otherwise send the next request into a closed one.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.begun = False

    def begin(self) -> None:
        """The process is shutting down: load balancers should see it from now on."""
        self.begun = True

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if not self.begun or scope["type"] != "http":
            return self._app(scope, receive, send)
        app = errors.draining() if scope["path"] == READY_PATH else self._app
        return app(scope, receive, _adding((b"connection", b"close"), send))


def _adding(header: Header, send: Send) -> Send:
    """`send`, with one more header in the response."""

    async def send_with_header(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], header]}
        await send(message)

    return send_with_header
