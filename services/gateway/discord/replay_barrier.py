"""Detects the end of a RESUME replay.

Until then in-memory state may be older than Redis. Where an earlier process has handled, and
written, some of the events that are repeated, nothing may be written.

RESUMED marks the end of the replay. But the RESUMED of an earlier resume may be among the repeated
events and looks the same. So the barrier then requests one member from Discord. Events arrive in
order, and the request is new, so no event of the replay can follow its answer.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from msgspec import Struct


class ReplayTimings(Struct, frozen=True, kw_only=True):
    """In seconds."""

    max_replay_s: float = 60.0
    """From a connection's first event: after that, other shards' writes wait no longer."""
    max_stale_s: float = 10.0
    """Without a connection: after that, writing a possibly outdated state is better than none."""
    answer_timeout_s: float = 5.0
    """The request may get lost, or Discord may never have announced its guild."""


class ReplayConnection(Protocol):
    """What the barrier needs of a shard."""

    @property
    def is_connected(self) -> bool: ...

    def request_any_member(self, nonce: str) -> bool:
        """Request one member with this nonce. False when no member is known."""


class ReplayBarrier:
    """Active from `begin` or `hold_stale` until the replay is over or a new session has begun.

    `begin`: an earlier process has handled some of what is repeated. `start_resume`: a connection
    begins to repeat, whether this process or an earlier one has handled what came before.
    """

    def __init__(self, connection: ReplayConnection, timings: ReplayTimings) -> None:
        self._connection = connection
        self._timings = timings
        self.is_repeating = False  # from `start_resume` on, what the shard has missed
        self._unfinished = False
        self._deadline = 0.0  # time of the loop
        self._has_event = False  # by this connection
        self._nonce = ""
        self._on_ready: Callable[[], None] = lambda: None
        self._timeout: asyncio.TimerHandle | None = None

    @property
    def active(self) -> bool:
        """Whether nothing may be written now."""
        return self._unfinished and _now() < self._deadline

    def on_ready(self, on_ready: Callable[[], None]) -> None:
        """Call `on_ready` after each READY, and after each RESUMED whose replay is over."""
        self._on_ready = on_ready

    def begin(self) -> None:
        """A session is about to be resumed."""
        self._unfinished = True
        self._deadline = _now() + self._timings.max_replay_s

    def hold_stale(self) -> None:
        """There is no connection, and another process may have had one and written since."""
        self._unfinished = True
        self._has_event = False
        self._deadline = max(self._deadline, _now() + self._timings.max_stale_s)

    def end(self) -> None:
        """In-memory state is the newest."""
        self.cancel_request()
        self._unfinished = self.is_repeating = False

    def start_connection(self) -> None:
        """Another connection begins, and brings the rest of the replay."""
        self.cancel_request()
        self._has_event = False

    def start_resume(self) -> None:
        """Discord is about to repeat what the shard has missed."""
        self.is_repeating = True

    def cancel_request(self) -> None:
        """The member request will not be answered."""
        self._nonce = ""
        if self._timeout is not None:
            self._timeout.cancel()
            self._timeout = None

    def observe(self, name: str, payload: Any) -> None:
        """Take note of an event that has been handled."""
        if self._unfinished and not self._has_event:
            # Connecting may have taken long. What must not be written only begins now.
            self._has_event = True
            self._deadline = _now() + self._timings.max_replay_s
        if self._nonce and self._nonce == _nonce(name, payload):
            self._finish()
        if name == "READY":
            self._finish()
        elif name == "RESUMED":
            self._request_answer()

    def _request_answer(self) -> None:
        self.cancel_request()
        self._nonce = f"replay-{secrets.token_hex(8)}"
        if self._connection.request_any_member(self._nonce):
            self._timeout = asyncio.get_running_loop().call_later(
                self._timings.answer_timeout_s, self._give_up
            )
        else:
            self._finish()

    def _give_up(self) -> None:
        if self._connection.is_connected:
            self._finish()

    def _finish(self) -> None:
        self.end()
        self._on_ready()


def _nonce(name: str, payload: Any) -> object:
    """The nonce of an answer to a member request."""
    if name == "RATE_LIMITED" and isinstance(payload, Mapping):
        payload = payload.get("meta")
    elif name != "GUILD_MEMBERS_CHUNK":
        return None
    return payload.get("nonce") if isinstance(payload, Mapping) else None


def _now() -> float:
    return asyncio.get_running_loop().time()
