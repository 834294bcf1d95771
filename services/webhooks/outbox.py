"""What one endpoint has not acknowledged yet: at most one state of each user waits for it.

A newer state replaces the one that waits. The state that is on its way is not disturbed, and the
newer one follows it, so that an endpoint never has two requests about one user at a time.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import Final

from msgspec import Struct

from services.webhooks.message import WebhookMessage

UNCERTAIN: Final = ""


class Acknowledged(Struct, frozen=True, gc=False):
    """The state of a user that the endpoint has received last."""

    version: int
    digest: str  # of the state; UNCERTAIN: an attempt has failed, and may have been received


def digest_of(presence: bytes) -> str:
    """Equal for equal states."""
    return hashlib.blake2b(presence, digest_size=8).hexdigest()


class Outbox:
    """Plain data: no clock, no network."""

    def __init__(self) -> None:
        self._acknowledged: dict[int, Acknowledged] = {}
        self._waiting: OrderedDict[int, WebhookMessage] = OrderedDict()
        self._on_its_way: dict[int, WebhookMessage] = {}

    @property
    def pending(self) -> int:
        """States that the endpoint has not acknowledged. May be called from any thread."""
        return len(self._waiting) + len(self._on_its_way)

    @property
    def sending(self) -> int:
        """Messages on their way."""
        return len(self._on_its_way)

    @property
    def users(self) -> set[int]:
        """Of whom the endpoint may have a state."""
        return set(self._acknowledged)

    def restore(self, acknowledged: dict[int, Acknowledged]) -> None:
        """What an earlier process has noted."""
        self._acknowledged.update(acknowledged)

    def show(self, user_id: int, version: int, presence: bytes) -> None:
        """The user's newest state. Nothing waits if the endpoint has it already."""
        digest = digest_of(presence)
        sent = self._on_its_way.get(user_id)
        if sent is not None:
            sent.withheld = False
            is_known = sent.presence == presence
        else:
            last = self._acknowledged.get(user_id)
            is_known = last is not None and last.digest == digest
        if is_known:
            self._waiting.pop(user_id, None)
            return
        waiting = self._waiting.get(user_id)
        if waiting is None or waiting.presence != presence:
            self._replace(user_id, version, presence)

    def remove(self, user_id: int, version: int) -> None:
        """The user is not monitored any more: the state that waits must not be sent.

        An endpoint that has never received a state of theirs is not told.
        """
        known, sent = self._acknowledged.get(user_id), self._on_its_way.get(user_id)
        if known is None and sent is None:
            self._waiting.pop(user_id, None)
            return
        waiting = self._waiting.get(user_id)
        newest = waiting or sent
        if newest is not None and not newest.presence:
            newest.withheld = False  # that the user is gone may be sent again
            return
        after = max(one.version for one in (known, sent, waiting) if one is not None)
        self._replace(user_id, max(version, after + 1), b"")

    def withhold(self, user_id: int) -> None:
        """Any state of theirs may be outdated: send none until one is shown again."""
        self._waiting.pop(user_id, None)
        if user_id in self._on_its_way:
            self._on_its_way[user_id].withheld = True

    def take(self, now: float) -> WebhookMessage | None:
        """The next message. It is on its way until `delivered`, `failed` or `put_back`."""
        for user_id, message in self._waiting.items():
            if user_id not in self._on_its_way and message.not_before <= now:
                del self._waiting[user_id]
                self._on_its_way[user_id] = message
                return message
        return None

    def next_due(self) -> float | None:
        """When `take` may give a message without anything else happening (loop time)."""
        return min(
            (
                message.not_before
                for user_id, message in self._waiting.items()
                if user_id not in self._on_its_way
            ),
            default=None,
        )

    def attempt(self, message: WebhookMessage) -> Acknowledged:
        """From now on the endpoint may have received it. Returns what to note before."""
        found = Acknowledged(message.version, UNCERTAIN)
        self._acknowledged[message.user_id] = found
        return found

    def delivered(self, message: WebhookMessage) -> Acknowledged | None:
        """The endpoint has acknowledged it. Returns what to note; None: forget the user."""
        del self._on_its_way[message.user_id]
        if not message.presence:
            self._acknowledged.pop(message.user_id, None)
            return None
        found = Acknowledged(message.version, digest_of(message.presence))
        self._acknowledged[message.user_id] = found
        return found

    def failed(self, message: WebhookMessage) -> None:
        """It is to be sent again after the others."""
        message.failures += 1
        self.put_back(message)

    def put_back(self, message: WebhookMessage) -> None:
        """It waits again, unless a newer one does, or it is outdated."""
        del self._on_its_way[message.user_id]
        newer = self._waiting.get(message.user_id)
        if newer is not None:  # a user who changes often is not retried more often for it
            newer.failures, newer.not_before = message.failures, message.not_before
            newer.successes = message.successes
        elif not message.withheld:
            self._waiting[message.user_id] = message

    def clear(self) -> None:
        """Forget all of it."""
        self._waiting.clear()
        self._acknowledged.clear()

    def _replace(self, user_id: int, version: int, presence: bytes) -> None:
        message = WebhookMessage(user_id, version, presence)
        old = self._waiting.get(user_id)
        if old is not None:  # keeps its place, and its turn
            message.failures, message.not_before = old.failures, old.not_before
            message.successes = old.successes
        self._waiting[user_id] = message
