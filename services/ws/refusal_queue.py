"""Sends why users cannot be shown (any more), a slice of the clients in each turn of the loop.

When a user with 10,000 watchers leaves, each of them gets an error frame, and most a Close.
"""

from __future__ import annotations

import asyncio
from collections import deque

from services.ws.protocol import ErrorNotice
from services.ws.topic import Subscription


class RefusalQueue:
    """Plain calls. Needs a running loop, for the next slice."""

    def __init__(self, slice_size: int) -> None:
        self._slice_size = slice_size
        self._budget = slice_size  # subscriptions left in this turn of the loop
        self._waiting: deque[tuple[Subscription, ErrorNotice]] = deque()
        self._is_scheduled = False

    def add(self, subscription: Subscription, notice: ErrorNotice) -> None:
        """The subscription has ended. A few are told before this returns."""
        self._waiting.append((subscription, notice))
        self._work()

    def _work(self) -> None:
        while self._waiting and self._budget > 0:
            subscription, notice = self._waiting.popleft()
            session = subscription.session
            if subscription in session.subscriptions:  # else the client does not want it any more
                self._budget -= 1
                session.refuse(subscription, notice)
        if not self._is_scheduled:
            self._is_scheduled = True
            asyncio.get_running_loop().call_soon(self._next_turn)

    def _next_turn(self) -> None:
        self._is_scheduled = False
        self._budget = self._slice_size
        if self._waiting:
            self._work()
