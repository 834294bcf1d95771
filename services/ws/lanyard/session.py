"""One client of Lanyard's dialect: its subscriptions, and the INIT_STATEs that it waits for.

As in services.ws.session there is no queue: each subscription holds the bytes that the client was
sent last, and what differs is sent as soon as the client can take it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from typing import Protocol

from msgspec import Struct

from services.ws.counters import Counters
from services.ws.lanyard import protocol
from services.ws.lanyard.everyone import Everyone, Member
from services.ws.lanyard.protocol import NOBODY, Encoding, Initialize, Unsubscribe
from services.ws.lanyard.view import LanyardSubscription, LanyardUser
from services.ws.peer import NO_FD, Peer


class LanyardSource(Protocol):
    """services.ws.hub.Hub, as far as a session needs it."""

    def follow(self, user_id: int, asker: Hashable) -> LanyardUser:
        """Load the user, and keep them up to date while they are `watched`."""

    def unfollow(self, user: LanyardUser) -> None:
        """To be called when the user is not `watched` any more."""


class _Request(Struct):
    """An Initialize that is not answered yet."""

    user_ids: tuple[int, ...]
    single: bool
    waiting: set[int]  # users who are not known yet


class LanyardSession:
    """The subscriptions of one client."""

    __slots__ = (
        "_counters",
        "_encoding",
        "_everyone",
        "_member",
        "_peer",
        "_requests",
        "_source",
        "_subscriptions",
        "max_users",
    )

    def __init__(
        self,
        peer: Peer,
        encoding: Encoding,
        source: LanyardSource,
        everyone: Everyone | None,
        counters: Counters,
        max_users: int,
    ) -> None:
        """`everyone`: None where subscribing to everyone is not allowed. `max_users`: further ids
        are answered like those of users who are not monitored."""
        self._peer = peer
        self._encoding = encoding
        self._source = source
        self._everyone = everyone
        self._counters = counters
        self.max_users = max_users
        self._subscriptions: dict[int, LanyardSubscription] = {}
        self._requests: deque[_Request] = deque()  # answered in this order
        self._member: Member | None = None  # while subscribed to everyone
        counters.lanyard_clients += 1

    @property
    def unanswered_users(self) -> int:
        """How many users are in the INIT_STATEs that the client waits for."""
        return sum(1 + len(request.user_ids) for request in self._requests)

    def initialize(self, message: Initialize) -> None:
        """Add subscriptions, and answer with INIT_STATE as soon as all of them are known."""
        if message.everyone and self._everyone is not None:
            self._subscribe_to_everyone(self._everyone)
            return
        for user_id in message.user_ids[: self.max_users]:
            self._subscribe(user_id)
        waiting = {one for one in message.user_ids if not self._is_known(one)}
        for user_id in waiting:
            self._subscriptions[user_id].view.user.waiters[self] = None
        self._requests.append(_Request(message.user_ids, message.single, waiting))
        self._send_answers()

    def unsubscribe(self, message: Unsubscribe) -> None:
        if message.everyone:
            self._leave_everyone()
        for user_id in list(self._subscriptions) if message.everyone else message.user_ids:
            if self._member is not None and len(self._member.excluded) < self.max_users:
                self._member.excluded.add(user_id)
            self._end(user_id)
        self._send_answers()

    def end(self) -> None:
        """The client has disconnected, or is being closed. To be called once."""
        self._counters.lanyard_clients -= 1
        self._requests.clear()
        self._leave_everyone()
        for user_id in list(self._subscriptions):
            self._end(user_id)

    def answered(self, user_id: int) -> None:
        """A user for whom an INIT_STATE waits is known now."""
        for request in self._requests:
            request.waiting.discard(user_id)
        self._send_answers()

    def show(self, subscription: LanyardSubscription) -> None:
        """Send the newest presence if the client was sent another one."""
        if self._peer.paused:
            self._counters.skipped.inc()
            return
        if not subscription.presence:
            return
        presence = subscription.view.presence
        if self._member is not None and subscription.view.user.everyones:
            subscription.presence = presence  # is sent as one of everyone
            return
        is_told = subscription.presence == NOBODY and not subscription.view.user.presence
        if presence and presence != subscription.presence and not is_told:
            self._peer.write(subscription.view.presence_frame())
            subscription.presence = presence
        self._allow_direct_writes(subscription)

    def write_rest(self, rest: bytes) -> None:
        """Send the end of a frame that was written directly to the client's descriptor."""
        self._peer.write_rest(rest)

    def stop_direct_writes(self) -> None:
        """Bytes wait in the transport: no frame may overtake them."""
        for subscription in self._subscriptions.values():
            subscription.fd = NO_FD

    def send_pending(self) -> None:
        """The client reads again: send what it missed, until its buffer is full once more."""
        self._send_answers()
        for subscription in self._subscriptions.values():
            if self._peer.paused:
                return
            self.show(subscription)
        if self._member is not None and self._everyone is not None:
            self._everyone.send_pending(self._member)

    def _subscribe(self, user_id: int) -> None:
        if self._member is not None and self._everyone is not None:
            self._member.excluded.discard(user_id)
            found = self._everyone.find(user_id)
            if found is not None and found.answered:
                return  # sent already, or soon, as one of everyone
        if user_id in self._subscriptions or len(self._subscriptions) >= self.max_users:
            return
        view = self._source.follow(user_id, self).view(self._encoding)
        subscription = LanyardSubscription(self, view)
        self._subscriptions[user_id] = subscription
        view.subscriptions[subscription] = None
        self._counters.lanyard_watchers += 1

    def _end(self, user_id: int) -> None:
        for request in self._requests:
            request.waiting.discard(user_id)
        subscription = self._subscriptions.pop(user_id, None)
        if subscription is None:
            return
        self._counters.lanyard_watchers -= 1
        subscription.fd = NO_FD
        view = subscription.view
        view.user.waiters.pop(self, None)
        del view.subscriptions[subscription]
        if not view.subscriptions:
            del view.user.views[view.encoding]
            self._source.unfollow(view.user)

    def _subscribe_to_everyone(self, everyone: Everyone) -> None:
        if self._member is not None:
            self._leave_everyone()
        unanswered = {user_id for request in self._requests for user_id in request.user_ids}
        for user_id in self._subscriptions.keys() - unanswered:
            self._end(user_id)
        self.stop_direct_writes()
        self._member = Member(self._peer, self._encoding)
        everyone.join(self._member)

    def _leave_everyone(self) -> None:
        member, self._member = self._member, None
        if member is not None and self._everyone is not None:
            self._everyone.leave(member)

    def _find(self, user_id: int) -> LanyardUser | None:
        subscription = self._subscriptions.get(user_id)
        if subscription is not None:
            return subscription.view.user
        if self._member is not None and self._everyone is not None:
            return self._everyone.find(user_id)
        return None

    def _is_known(self, user_id: int) -> bool:
        subscription = self._subscriptions.get(user_id)
        return subscription is None or subscription.view.user.answered

    def _send_answers(self) -> None:
        while self._requests and not self._requests[0].waiting and not self._peer.paused:
            request = self._requests.popleft()
            self._peer.write(self._encoding.frame(protocol.init_state(self._state(request))))
            for user_id in request.user_ids:
                subscription = self._subscriptions.get(user_id)
                if subscription is not None:
                    subscription.presence = subscription.view.user.shown
                    self._allow_direct_writes(subscription)

    def _state(self, request: _Request) -> bytes:
        users = [(user_id, self._find(user_id)) for user_id in request.user_ids]
        if request.single:
            return next((user.shown for _, user in users if user is not None), NOBODY)
        return protocol.user_map(
            (str(user_id), user.presence) for user_id, user in users if user and user.presence
        )

    def _allow_direct_writes(self, subscription: LanyardSubscription) -> None:
        # Not if users may come as one of everyone, or if bytes wait in the transport.
        if self._member is None and not self._peer.paused:
            subscription.fd = self._peer.fd
