"""One user as event streams show them: the events, built once each, and the subscribed streams.

Kept by the topic once a stream is subscribed to the user. Nothing here awaits.
"""

from __future__ import annotations

from typing import Any, Protocol

from services.ws.events import wire


class ShownState(Protocol):
    """services.ws.topic.Topic, as far as a view needs it."""

    user_id: int
    presence: bytes
    profile: bytes


class EventView:
    """The fan-out treats it like a topic."""

    __slots__ = (
        "_presence",
        "_presence_event",
        "_profile",
        "_profile_event",
        "_state",
        "received",
        "subscriptions",
    )

    def __init__(self, state: ShownState) -> None:
        self._state = state
        # Of services.ws.topic.Subscription.
        self.subscriptions: dict[Any, None] = {}
        self.received = 0  # as services.ws.topic.Topic.received
        self._presence = self._presence_event = b""  # what the event shows, and the event
        self._profile = self._profile_event = b""

    @property
    def presence(self) -> bytes:
        return self._state.presence

    @property
    def profile(self) -> bytes:
        return self._state.profile

    def initial_frame(self) -> bytes:
        state = self._state
        return wire.initial_data(state.user_id, state.profile, state.presence)

    def presence_frame(self) -> bytes:
        state = self._state
        if self._presence is not state.presence:
            self._presence = state.presence
            self._presence_event = wire.presence_update(state.user_id, state.presence)
        return self._presence_event

    def profile_frame(self) -> bytes:
        state = self._state
        if self._profile is not state.profile:
            self._profile = state.profile
            self._profile_event = wire.profile_update(state.user_id, state.profile)
        return self._profile_event

    def drop_frames(self) -> None:
        """A pass is done: a quiet user keeps no events."""
        self._presence = self._presence_event = b""
        self._profile = self._profile_event = b""
