"""Clients that are refused slowly.

Most clients of Lanyard's dialect connect again as soon as they are refused: one tab made 800
connections a second. So their refusal waits for some seconds, and not for all of them equally long.
"""

from __future__ import annotations

import random

from services.ws.limits import WsLimits


class SlowRefusals:
    """A bounded number of connections: they must not take what the refusal protects."""

    def __init__(self, limits: WsLimits) -> None:
        self._limits = limits
        self._waiting: set[object] = set()

    def add(self, connection: object) -> float | None:
        """How long the connection is to wait, in seconds. None: too many wait already."""
        if len(self._waiting) >= self._limits.slow_refusals:
            return None
        self._waiting.add(connection)
        return self._limits.refuse_after * random.uniform(0.5, 1.5)

    def remove(self, connection: object) -> None:
        """The connection is closed."""
        self._waiting.discard(connection)
