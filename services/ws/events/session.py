"""The users of one event stream: as those of a WebSocket, in other bytes and with other ends."""

from __future__ import annotations

from typing import Protocol

from services.ws.counters import Counters
from services.ws.events import wire
from services.ws.events.view import EventView
from services.ws.peer import Peer
from services.ws.protocol import UNAVAILABLE, USER_NOT_MONITORED, ErrorNotice
from services.ws.session import PresenceSession
from services.ws.topic import Subscription, Topic


class EventPeer(Peer, Protocol):
    """services.ws.events.stream.EventStream, as far as a session needs it."""

    @property
    def started(self) -> bool:
        """Whether the stream's head was sent."""

    def respond_not_monitored(self, notice: ErrorNotice) -> None:
        """Send 404 instead of a stream. This ends the session."""


class EventSession(PresenceSession):
    """The subscriptions of one event stream."""

    __slots__ = ("_stream",)

    def __init__(self, stream: EventPeer, counters: Counters) -> None:
        super().__init__(stream, counters)
        self._stream = stream

    def view(self, topic: Topic) -> EventView:
        return topic.event_view()

    def refuse(self, subscription: Subscription, notice: ErrorNotice) -> None:
        """Send why this user cannot be shown (any more), and end a stream without other users."""
        self._counters.refused.inc()
        self.subscriptions.remove(subscription)
        reason = notice.close_reason
        is_last = not self.subscriptions
        if is_last and reason is USER_NOT_MONITORED and not self._stream.started:
            self._stream.respond_not_monitored(notice)  # the only user that was requested
            return
        self._stream.write(wire.error(notice))
        if is_last or reason is UNAVAILABLE:
            self._stream.close(reason)
