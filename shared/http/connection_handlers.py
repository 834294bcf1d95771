"""What a connection of the HTTP server hands requests to, in place of the application."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from shared.http.responses import Header, RawResponse

Respond = Callable[[RawResponse | None], None]
"""Gets the response. None: ask the application."""


class UpgradeHandler(Protocol):
    """services.api.http.websocket_forwarding.WebSocketForwarder."""

    def take_over(
        self,
        transport: asyncio.Transport,
        request_line: bytes,
        headers: Sequence[Header],
        peer: str,
        rest: bytes,
    ) -> None:
        """From now on the connection is a WebSocket or an event stream. `rest`: what has come after
        the head."""


class DirectAnswers(Protocol):
    """services.api.middleware.ready_answers.ReadyAnswers: what the application would send."""

    def find(self, target: bytes, headers: Sequence[Header], peer: str) -> RawResponse | None:
        """The response to GET `target`, if it is in memory and the application would send just
        that. None: ask the application."""

    def load(self, target: bytes, headers: Sequence[Header], peer: str, respond: Respond) -> bool:
        """Whether the response to GET `target`, which is not in memory, is loaded. `respond` is
        then called, later and once: with what the application would send, or with None."""
