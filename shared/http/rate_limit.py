"""So many requests a minute for each address: one that asks without end is held off.

It stands before everything else, as what it holds off should cost nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from shared.http import errors
from shared.net.client_address import Networks, client_ip
from shared.net.fixed_window import FixedWindowCounter

ASKING: Final = 100_000  # peers and headers that are remembered


class RateLimitMiddleware:
    """Counts in windows of a minute."""

    def __init__(self, per_minute: int, trusted: Networks, app: ASGIApp) -> None:
        """`per_minute` 0: nobody is held off."""
        self._per_minute = per_minute
        self._trusted = trusted
        self._app = app
        self._clients: dict[tuple[str, bytes], str | None] = {}  # by peer and X-Forwarded-For
        self._asked = FixedWindowCounter()

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if self._per_minute and scope["type"] == "http":
            client = self._client(scope)
            if client is not None and self._asked.count(client) > self._per_minute:
                left = max(1, round(self._asked.left))
                return errors.rate_limited(left)(scope, receive, send)
        return self._app(scope, receive, send)

    def _client(self, scope: Scope) -> str | None:
        peer = scope["client"]
        if peer is None:
            return None
        forwarded = b""
        if self._trusted:
            forwarded = b",".join(
                value for name, value in scope["headers"] if name == b"x-forwarded-for"
            )
        asking = (peer[0], forwarded)
        try:
            return self._clients[asking]  # 0.3 µs, where reading an address takes 5
        except KeyError:
            client = client_ip(peer[0], forwarded.decode("latin-1"), self._trusted)
            if len(self._clients) >= ASKING:
                self._clients.clear()
            self._clients[asking] = client
            return client
