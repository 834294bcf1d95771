"""One client: what it was sent, and so what is still pending.

There is no queue. Each subscription holds the very bytes that the client was sent last. Whatever
differs in the topic is pending, and is sent as soon as the client can take it.
"""

from __future__ import annotations

from services.ws.counters import Counters
from services.ws.peer import NO_FD, Peer
from services.ws.protocol import UNAVAILABLE, ErrorNotice
from services.ws.topic import Subscription, Topic, TopicView


class PresenceSession:
    """The subscriptions of one client."""

    __slots__ = ("_counters", "_peer", "keep_open", "subscriptions")

    def __init__(self, peer: Peer, counters: Counters) -> None:
        self._peer = peer
        self._counters = counters
        self.subscriptions: list[Subscription] = []
        # The client changes its subscriptions: one without any waits for the next message.
        self.keep_open = False

    @property
    def user_ids(self) -> set[int]:
        return {subscription.topic.user_id for subscription in self.subscriptions}

    def view(self, topic: Topic) -> TopicView:
        """How this client is shown the topic."""
        return topic

    def show(self, subscription: Subscription) -> None:
        """Send what differs between the topic and what the client was sent of it."""
        if self._peer.paused:
            self._counters.skipped.inc()
            return
        topic = subscription.topic
        if not subscription.presence:
            if not topic.ready:
                return
            self._peer.write(self.view(topic).initial_frame())
            subscription.presence, subscription.profile = topic.presence, topic.profile
        if subscription.profile is not topic.profile:
            if subscription.profile != topic.profile:
                self._peer.write(self.view(topic).profile_frame())
            subscription.profile = topic.profile
        if subscription.presence is not topic.presence:
            if subscription.presence != topic.presence:
                self._peer.write(self.view(topic).presence_frame())
            subscription.presence = topic.presence
        if not self._peer.paused:  # nothing of this waits in the transport
            subscription.fd = self._peer.fd

    def write_rest(self, rest: bytes) -> None:
        """Send the end of a frame that was written directly to the client's descriptor."""
        self._peer.write_rest(rest)

    def stop_direct_writes(self) -> None:
        """Bytes wait in the transport: no frame may overtake them."""
        for subscription in self.subscriptions:
            subscription.fd = NO_FD

    def send_pending(self) -> None:
        """The client reads again: send what it missed, until its buffer is full once more."""
        for subscription in self.subscriptions:
            if self._peer.paused:
                return
            if subscription in self.view(subscription.topic).subscriptions:  # else it has ended
                self.show(subscription)

    def refuse(self, subscription: Subscription, notice: ErrorNotice) -> None:
        """Send why this user cannot be shown (any more), and close a client without other users,
        unless it may subscribe to others.

        A client that is refused because Redis is unreachable, or because what it holds of the user
        is damaged, is closed even if it has other subscriptions: it gets all of its users only by
        reconnecting.
        """
        self._counters.refused.inc()
        self._peer.write(notice.frame)
        self.subscriptions.remove(subscription)
        is_useless = not self.subscriptions and not self.keep_open
        if is_useless or notice.close_reason is UNAVAILABLE:
            self._peer.close(notice.close_reason)
