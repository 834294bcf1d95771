"""While the gateway is silent, every answer says for how long: it may be as old."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class StalenessSource(Protocol):
    """shared.redis.gateway_liveness.LivenessMonitor, as far as it is needed here."""

    @property
    def stale(self) -> int | None: ...


class StalenessMiddleware:
    """Adds `X-Grux-Stale: <seconds since the gateway was last heard>`."""

    def __init__(self, pulse: StalenessSource, app: ASGIApp) -> None:
        self._pulse = pulse
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        stale = self._pulse.stale
        if stale is None:
            return self._app(scope, receive, send)
        header = (b"x-grux-stale", b"%d" % stale)

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], header]}
            await send(message)

        return self._app(scope, receive, marked)
