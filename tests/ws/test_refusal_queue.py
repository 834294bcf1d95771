"""Many clients of a user who leaves are told in slices."""

from __future__ import annotations

import asyncio
from typing import Any

from services.ws.notices import LEFT
from services.ws.protocol import ErrorNotice
from services.ws.refusal_queue import RefusalQueue
from services.ws.topic import Subscription, Topic


class Told:
    """As services.ws.session.PresenceSession: notes what it is told."""

    def __init__(self, told: list[Subscription]) -> None:
        self._told = told
        self.subscriptions: list[Subscription] = []

    def refuse(self, subscription: Subscription, notice: ErrorNotice) -> None:
        self.subscriptions.remove(subscription)
        self._told.append(subscription)


def subscriptions_of(count: int, told: list[Subscription]) -> list[Subscription]:
    topic, found = Topic(1), []
    for _ in range(count):
        session: Any = Told(told)
        session.subscriptions.append(Subscription(session, topic))
        found += session.subscriptions
    return found


async def test_others_have_their_turn() -> None:
    """In the order in which the subscriptions have ended."""
    told: list[Subscription] = []
    waiting = subscriptions_of(25, told)
    queue = RefusalQueue(10)
    for subscription in waiting:
        queue.add(subscription, LEFT)
    seen = []
    for _ in range(4):
        seen.append(len(told))
        await asyncio.sleep(0)
    assert seen == [10, 20, 25, 25]
    assert told == waiting
    queue.add(subscriptions_of(1, told)[0], LEFT)
    assert len(told) == 26


async def test_a_client_that_has_gone_meanwhile() -> None:
    """It is told nothing."""
    told: list[Subscription] = []
    queue = RefusalQueue(1)
    first, second, third = subscriptions_of(3, told)
    for subscription in (first, second, third):
        queue.add(subscription, LEFT)
    second.session.subscriptions.clear()
    for _ in range(4):
        await asyncio.sleep(0)
    assert told == [first, third]
