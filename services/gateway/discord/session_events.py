"""The events of one session with Discord: each is handled once, in order, until the shard ends."""

from __future__ import annotations

import time
from typing import Any

from msgspec import Struct

from services.gateway.discord.replay_barrier import ReplayBarrier
from services.gateway.event_handler import EventHandler


class DiscordSession(Struct, frozen=True):
    """What a resume needs. Discord docs: Gateway, Resuming."""

    id: str
    url: str  # resume_gateway_url
    seq: int  # of the last event that was handled
    resume_failures: int = 0  # in a row, at this address


class SessionEvents:
    """Passes new events to the handler, and then to the replay barrier."""

    def __init__(
        self, session: DiscordSession | None, handler: EventHandler, replay: ReplayBarrier
    ) -> None:
        """`session`: the one that is resumed."""
        self.last_event = 0.0  # seconds since 1970; 0 before the first
        self._session_id = session.id if session else ""
        self._handled_seq = session.seq if session else 0  # the highest of this session
        self._is_identifying = False  # until READY
        self._handler = handler
        self._replay = replay
        self._closed = False

    def start_connection(self, *, identifies: bool) -> None:
        """A connection begins, by an Identify or by a Resume."""
        self._is_identifying = identifies
        if not identifies:
            self._handler.begin_replay()
            self._replay.start_resume()

    def close(self) -> None:
        """Ignore all further events: another process may run the shard by now."""
        self._closed = True

    def receive(self, name: str, seq: int | None, payload: Any) -> None:
        """Handle one event, unless it has been handled before.

        A resume may replay events that were handled already: that would show an outdated state
        for a moment. READY may be one of them. After an Identify it begins a new session, even if
        that has the id of the last one.
        """
        if self._closed:
            return
        self.last_event = time.time()
        if seq is not None:
            is_new_session = name == "READY" and (
                self._is_identifying or payload.get("session_id") != self._session_id
            )
            if is_new_session:
                self._is_identifying = False
                self._session_id = payload.get("session_id")
            elif seq <= self._handled_seq and name != "RESUMED":
                return
            self._handled_seq = seq if is_new_session else max(seq, self._handled_seq)
        self._handler.handle(name, payload)
        self._replay.observe(name, payload)
