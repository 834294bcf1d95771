"""The last seconds: a load balancer hears that nothing should come any more, and what comes all
the same is answered."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.http import errors

READY: Final = "/ready"


class Draining:
    """While it is `begun`, `/ready` says no, and every answer ends its connection.

    A client that keeps its connection would else send the next request into a closed one.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.begun = False

    def begin(self) -> None:
        """From now on."""
        self.begun = True

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if not self.begun or scope["type"] != "http":
            return self._app(scope, receive, send)

        async def last(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
            await send(message)

        app = errors.draining() if scope["path"] == READY else self._app
        return app(scope, receive, last)
