"""One client: what it has seen, and so what it is owed.

There is no queue. A client holds the very bytes it was sent last; whatever its topics show
beyond them it is owed, as soon as it can take it.
"""

from __future__ import annotations

from typing import Final, Protocol

from services.ws.counters import Counters
from services.ws.protocol import UNAVAILABLE, CloseReason, ErrorNotice
from services.ws.topic import Topic

NO_FD: Final = -1


class Peer(Protocol):
    """The client's socket."""

    fd: int  # its descriptor
    paused: bool  # the kernel takes no more now, and bytes wait in the transport

    def write(self, frame: bytes) -> None: ...

    def write_rest(self, rest: bytes) -> None:
        """Send what the descriptor did not take of a frame that was written to it."""

    def end(self, ending: CloseReason) -> None:
        """Close the connection. The session hears of it, and watches nobody from then on."""


class Subscription:
    """One client's eye on one user."""

    __slots__ = ("fd", "presence", "profile", "session", "topic")

    def __init__(self, session: Session, topic: Topic) -> None:
        self.session = session
        self.topic = topic
        self.presence = b""  # `initial_data` is still owed
        self.profile = b""
        # The client's descriptor while a frame may be written straight to it: `initial_data` has
        # gone, nothing waits in the transport, and the watch is not closed. Else NO_FD.
        self.fd = NO_FD


class Session:
    """What one client watches."""

    __slots__ = ("_counters", "_peer", "watches")

    def __init__(self, peer: Peer, counters: Counters) -> None:
        self._peer = peer
        self._counters = counters
        self.watches: list[Subscription] = []

    def show(self, watch: Subscription) -> None:
        """Send what differs between the topic and what the client has of it."""
        if self._peer.paused:
            self._counters.skipped.inc()
            return
        topic = watch.topic
        if not watch.presence:
            if not topic.ready:
                return
            self._peer.write(topic.initial_frame())
            watch.presence, watch.profile = topic.presence, topic.profile
        if watch.profile is not topic.profile:
            if watch.profile != topic.profile:
                self._peer.write(topic.profile_frame())
            watch.profile = topic.profile
        if watch.presence is not topic.presence:
            if watch.presence != topic.presence:
                self._peer.write(topic.presence_frame())
            watch.presence = topic.presence
        if not self._peer.paused:  # nothing of this is left in the transport
            watch.fd = self._peer.fd

    def write_rest(self, rest: bytes) -> None:
        """Send the end of a frame that was written straight to the client's descriptor."""
        self._peer.write_rest(rest)

    def queue_up(self) -> None:
        """Bytes wait in the transport: nothing is written past them."""
        for watch in self.watches:
            watch.fd = NO_FD

    def catch_up(self) -> None:
        """The client reads again: give it what it missed, until its buffer is full once more."""
        for watch in self.watches:
            if self._peer.paused:
                return
            self.show(watch)

    def refuse(self, watch: Subscription, problem: ErrorNotice) -> None:
        """Say why this user cannot be shown (any more), and end what then watches nobody.

        A client that is refused because Redis is away is closed whatever else it watches:
        coming again is the only way in which it gets all of its users.
        """
        self._counters.refused.inc()
        self._peer.write(problem.frame)
        self.watches.remove(watch)
        if not self.watches or problem.ending is UNAVAILABLE:
            self._peer.end(problem.ending)
