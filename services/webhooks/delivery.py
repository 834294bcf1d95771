"""Sends one endpoint the newest state of each of its users, again and again until it has it.

An endpoint that fails is left alone for a while, which grows with each failure. Then one message
tries it. Once that is acknowledged, all others follow. A message that fails while others arrive has
a delay of its own, so a message that the endpoint rejects does not hold the others up.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Final, Protocol

from prometheus_client import Counter

from services.webhooks.limits import WebhookLimits
from services.webhooks.message import WebhookMessage
from services.webhooks.outbox import UNCERTAIN, Acknowledged, Outbox
from services.webhooks.sender import Attempt
from shared.redis.store import StoreUnavailable
from shared.webhook_endpoints import Endpoint

log = logging.getLogger(__name__)

MAX_VERSION_DIGITS: Final = 16  # of a version in Redis


class MessageSender(Protocol):
    """services.webhooks.sender.Sender, as far as it is needed here."""

    async def send(self, message: WebhookMessage) -> Attempt: ...


class ProgressNotes(Protocol):
    """shared.redis.webhook_progress.WebhookProgress, as far as it is needed here. All raise
    StoreUnavailable."""

    def load(self) -> AsyncIterator[dict[int, bytes]]: ...

    async def note(self, notes: Mapping[int, str]) -> None: ...

    async def forget(self, user_ids: Sequence[int]) -> None: ...

    async def clear(self) -> None: ...


class Delivery:
    """To one endpoint, while `run` runs."""

    def __init__(
        self,
        endpoint: Endpoint,
        sender: MessageSender,
        progress: ProgressNotes,
        limits: WebhookLimits,
        attempts: Counter,
        *,
        may_send: Callable[[], bool],
        disabled: bool = False,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """`may_send`: whether the states in the outbox are those of Redis; call `wake` when that
        changes. `jitter`: from 0 to 1."""
        self.endpoint = endpoint
        self.disabled = disabled  # the endpoint has answered 410 Gone
        self.failures = 0  # attempts in a row
        self._outbox = Outbox()
        self._sender = sender
        self._progress = progress
        self._limits = limits
        self._attempts = attempts
        self._may_send = may_send
        self._jitter = jitter
        self._successes = 0
        self._failing_since = 0.0  # time.monotonic()
        self._resume_at = 0.0  # loop time
        self._changed = asyncio.Event()

    @property
    def pending(self) -> int:
        """States that the endpoint has not acknowledged. May be called from any thread."""
        return self._outbox.pending

    @property
    def failing_for_s(self) -> float:
        """Since the first failure in a row; 0: it does not fail. May be called from any thread."""
        return time.monotonic() - self._failing_since if self.failures else 0.0

    @property
    def users(self) -> set[int]:
        """Of whom the endpoint may have a state."""
        return self._outbox.users

    async def restore(self) -> None:
        """Read what an earlier process has noted. Waits for Redis."""
        while True:
            try:
                async for notes in self._progress.load():
                    await self._restore(notes)
                return
            except StoreUnavailable:
                await asyncio.sleep(self._limits.redis_retry_s)

    def show(self, user_id: int, version: int, presence: bytes) -> None:
        """The newest state of a user. Ignored if the endpoint does not want this user."""
        if self._wants(user_id):
            self._outbox.show(user_id, version, presence)
            self.wake()

    def remove(self, user_id: int, version: int) -> None:
        """The user is not monitored any more."""
        if self._wants(user_id):
            self._outbox.remove(user_id, version)
            self.wake()

    def withhold(self, user_id: int) -> None:
        """It is not known what the user shows now."""
        self._outbox.withhold(user_id)

    def wake(self) -> None:
        """There may be something to send."""
        self._changed.set()

    async def run(self) -> None:
        """Until cancelled. What is on its way then may have been received or not."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(self._limits.requests_at_once):
                tasks.create_task(self._send())

    async def _restore(self, notes: Mapping[int, bytes]) -> None:
        """Users whom the endpoint is not sent any more are forgotten."""
        wanted = {user_id: note for user_id, note in notes.items() if self.endpoint.wants(user_id)}
        self._outbox.restore({user_id: acknowledged(note) for user_id, note in wanted.items()})
        await self._progress.forget([user_id for user_id in notes if user_id not in wanted])

    def _wants(self, user_id: int) -> bool:
        return not self.disabled and self.endpoint.wants(user_id)

    async def _send(self) -> None:
        while True:
            message = await self._next()
            try:
                note = self._outbox.attempt(message)
                await self._progress.note({message.user_id: text_of(note)})
            except StoreUnavailable:
                self._outbox.put_back(message)
                await asyncio.sleep(self._limits.redis_retry_s)
                continue
            attempt = await self._sender.send(message)
            self._attempts.labels(self.endpoint.label, attempt.result).inc()
            if self.disabled:  # by the answer to another message
                self._forget(message)
            elif attempt.delivered:
                await self._on_delivered(message)
            elif attempt.gone:
                await self._disable(message)
            else:
                self._on_failed(message, attempt)
            self.wake()  # the others may wait for how this one ended

    async def _next(self) -> WebhookMessage:
        loop = asyncio.get_running_loop()
        while True:
            now = loop.time()
            until: float | None = None
            if now < self._resume_at:
                until = self._resume_at
            elif self._is_free():
                message = self._outbox.take(now)
                if message is not None:
                    return message
                until = self._outbox.next_due()
            self._changed.clear()
            try:
                async with asyncio.timeout_at(until):
                    await self._changed.wait()
            except TimeoutError:
                pass

    def _is_free(self) -> bool:
        """Of an endpoint that fails, one message at a time asks whether it still does."""
        is_tried = self.failures and self._outbox.sending
        return self._may_send() and not self.disabled and not is_tried

    async def _on_delivered(self, message: WebhookMessage) -> None:
        if self.failures:
            log.info("webhooks: %s accepts messages again", self.endpoint.label)
        self.failures = 0
        self._successes += 1
        note = self._outbox.delivered(message)
        try:
            if note is None:
                await self._progress.forget([message.user_id])
            else:
                await self._progress.note({message.user_id: text_of(note)})
        except StoreUnavailable:  # then a restart sends it once more
            log.debug("webhooks: an acknowledgement could not be noted")

    def _on_failed(self, message: WebhookMessage, attempt: Attempt) -> None:
        now = asyncio.get_running_loop().time()
        if not self.failures:
            self._failing_since = time.monotonic()
            log.warning(
                "webhooks: %s does not accept messages, and is tried again: %s",
                self.endpoint.label,
                attempt.detail,
            )
        if now >= self._resume_at:  # else another message of the same moment has failed already
            self.failures += 1
        if message.failures and message.successes != self._successes:  # it is this message
            message.not_before = now + self._delay(message.failures + 1)
        message.successes = self._successes
        delay = max(self._delay(self.failures), attempt.retry_after_s)
        self._resume_at = max(self._resume_at, now + delay)
        self._outbox.failed(message)

    def _delay(self, failures: int) -> float:
        """Jitter keeps endpoints that failed together from being tried together."""
        return self._limits.backoff.delay(failures) * (1 + self._limits.jitter * self._jitter())

    async def _disable(self, message: WebhookMessage) -> None:
        log.warning(
            "webhooks: %s is gone (status 410) and gets no more messages. Remove it from WEBHOOKS; "
            "a restart tries it again",
            self.endpoint.label,
        )
        self.disabled = True
        self.failures = 0
        self._forget(message)
        try:
            await self._progress.clear()
        except StoreUnavailable:
            log.debug("webhooks: the notes of an endpoint that is gone could not be deleted")

    def _forget(self, message: WebhookMessage) -> None:
        self._outbox.put_back(message)
        self._outbox.clear()


def text_of(note: Acknowledged) -> str:
    """As Redis keeps it."""
    return f"{note.version}:{note.digest}"


def acknowledged(text: bytes) -> Acknowledged:
    """The meaning of `text_of`. Of what other software has written the user is sent again."""
    version, _, digest = text.partition(b":")
    if version.isdigit() and len(version) <= MAX_VERSION_DIGITS:
        return Acknowledged(int(version), digest.decode("ascii", "replace"))
    return Acknowledged(0, UNCERTAIN)
