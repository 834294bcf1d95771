"""One user: the newest known state, the frames that show it, and the clients subscribed to it.

Nothing here awaits, and nothing here knows sockets or Redis.
"""

from __future__ import annotations

import logging
from typing import Final, Protocol

import msgspec
from msgspec import UNSET

from services.ws import protocol
from services.ws.events.view import EventView
from services.ws.lanyard.view import LanyardUser
from services.ws.peer import NO_FD
from services.ws.protocol import ErrorNotice
from shared.model.key_value import with_kv
from shared.model.message import PresenceMessage
from shared.model.profile_extras import ProfileExtras, apply_extras, without_hidden
from shared.model.snapshot import Snapshot

log = logging.getLogger(__name__)

_NO_EXTRAS: Final = msgspec.json.encode(ProfileExtras())
_decode_extras = msgspec.json.Decoder(ProfileExtras).decode


class TopicView(Protocol):
    """A topic in the bytes that a kind of client gets, and the subscriptions of these clients: a
    Topic itself for WebSockets, its EventView for event streams."""

    subscriptions: dict[Subscription, None]

    def initial_frame(self) -> bytes: ...

    def presence_frame(self) -> bytes: ...

    def profile_frame(self) -> bytes: ...


class SubscriptionOwner(Protocol):
    """services.ws.session.PresenceSession, as far as a subscription needs it."""

    subscriptions: list[Subscription]

    def view(self, topic: Topic) -> TopicView: ...

    def show(self, subscription: Subscription) -> None: ...

    def write_rest(self, rest: bytes) -> None: ...

    def refuse(self, subscription: Subscription, notice: ErrorNotice) -> None: ...


class Subscription:
    """One client's subscription to one user, and the bytes that it was sent last."""

    __slots__ = ("fd", "presence", "profile", "session", "topic")

    def __init__(self, session: SubscriptionOwner, topic: Topic) -> None:
        self.session = session
        self.topic = topic
        self.presence = b""  # empty: `initial_data` is still pending
        self.profile = b""
        # The client's descriptor while a frame may be written directly to it: `initial_data` was
        # sent, nothing waits in the transport, and the subscription is open. Else NO_FD.
        self.fd = NO_FD


class Topic:
    """The state of a user with subscriptions, or whose last subscription ended a moment ago.

    Versions are kept per field: after a disconnect, a message about one field says nothing about
    the other. `presence` and `profile` are never replaced by equal bytes: a subscription that
    holds the same object has sent the same state.
    """

    __slots__ = (
        "_extras",
        "_hidden_version",
        "_kv_version",
        "_presence_frame",
        "_presence_version",
        "_profile_frame",
        "_profile_version",
        "_source",
        "_stale_version",
        "events",
        "extras_asked",
        "extras_due",
        "extras_tries",
        "found",
        "hidden",
        "kv",
        "lanyard",
        "loaded",
        "presence",
        "profile",
        "received",
        "subscriptions",
        "user_id",
    )

    def __init__(self, user_id: int) -> None:
        self.user_id = user_id
        # In the order of subscribing, like the C floor of the bench (fan-out costs 0.99 of what it
        # does with a set, which is less than the noise of one run).
        self.subscriptions: dict[Subscription, None] = {}
        self.events: EventView | None = None  # once an event stream is subscribed
        self.found = False  # Redis has held the user: there is, or may be, a subscription to it
        self.lanyard: LanyardUser | None = None  # while a client of Lanyard's dialect is subscribed
        self.loaded = False  # since the connection to Redis is up: no update can have been missed
        self.presence = b""  # empty: not known yet
        self.profile = b""  # with the profile extras and the key-value store
        self.kv = b""  # JSON; empty: not known yet, and shown as `{}`
        # Microseconds since 1970: when Discord sent the oldest update that no pass has taken yet
        # (see shared.redis.store.Save). 0: none.
        self.received = 0
        self.extras_asked = False  # at least once: answered, or given up
        self.extras_due = 0.0  # loop time of the next request; 0 while one is in flight
        self.extras_tries = 0  # failed requests in a row
        self.hidden: frozenset[str] = frozenset()  # Snapshot.hidden
        self._source = b""  # the profile as the gateway wrote it
        self._extras = _NO_EXTRAS  # as JSON, which takes a third of the memory of the structs
        self._presence_version = 0
        self._profile_version = 0
        self._kv_version = 0
        self._hidden_version = 0
        self._stale_version = 0  # messages up to this version are stale, whatever is loaded now
        self._presence_frame: bytes | None = None
        self._profile_frame: bytes | None = None

    @property
    def all_subscriptions(self) -> list[Subscription]:
        """Those of WebSockets and of event streams."""
        return [*self.subscriptions, *(self.events.subscriptions if self.events else ())]

    @property
    def subscribed(self) -> bool:
        """Whether there are any."""
        return bool(self.subscriptions or (self.events and self.events.subscriptions))

    @property
    def known(self) -> bool:
        """Whether there is a whole state, even if it is an old one."""
        return bool(self.presence and self.profile)

    @property
    def ready(self) -> bool:
        """Whether `initial_data` can be sent."""
        return self.loaded and self.extras_asked

    def apply(self, update: PresenceMessage) -> None:
        """Apply the fields that are newer than the known ones. Profile and presence make a whole
        state, once the key-value store is known."""
        profile, presence = update.profile, update.presence
        if update.version <= self._stale_version:
            return
        if update.hidden is not UNSET and update.version > self._hidden_version:
            self._set_hidden(frozenset(update.hidden), update.version)
        if profile is not UNSET and update.version > self._profile_version:
            self._set_profile(bytes(profile), update.version)
            self.received = self.received or update.received
        if presence is not UNSET and update.version > self._presence_version:
            self._set_presence(bytes(presence), update.version)
            self.received = self.received or update.received
        if update.kv is not UNSET and update.version > self._kv_version:
            self._set_kv(bytes(update.kv), update.version)
        if profile is not UNSET and presence is not UNSET and self.kv:
            self.loaded = True

    def load(self, snapshot: Snapshot) -> None:
        """Apply the fields for which no newer message has arrived."""
        if snapshot.version > self._hidden_version:
            self._set_hidden(snapshot.hidden, snapshot.version)
        if snapshot.version > self._profile_version:
            self._set_profile(snapshot.profile, snapshot.version)
        if snapshot.version > self._presence_version:
            self._set_presence(snapshot.presence, snapshot.version)
        if snapshot.kv is not None and snapshot.version > self._kv_version:
            self._set_kv(snapshot.kv, snapshot.version)
        self._stale_version = 0
        self.loaded = True

    def is_older_than(self, version: int) -> bool:
        """Whether a message of this version is newer than everything known."""
        return version > self._newest

    @property
    def _newest(self) -> int:
        return max(
            self._profile_version,
            self._presence_version,
            self._kv_version,
            self._hidden_version,
            self._stale_version,
        )

    def invalidate(self, *, same_connection: bool = False) -> None:
        """Redis may have lost data: whatever is loaded next replaces what is known.

        Redis may come back with older data than it had. Every other reader sees that data, so a
        version from before must not reject it. `same_connection`: the connection stayed up, so
        messages older than the known state may still arrive on it.
        """
        self.loaded = False
        self._stale_version = self._newest if same_connection else 0
        self._profile_version = self._presence_version = 0
        self._kv_version = self._hidden_version = 0

    def apply_extras(self, extras: ProfileExtras | None) -> None:
        """Apply the answer of the profile source. None, no answer, keeps the known extras."""
        self.extras_asked = True
        if extras is not None:
            self._set_extras(extras)

    def event_view(self) -> EventView:
        if self.events is None:
            self.events = EventView(self)
        return self.events

    def initial_frame(self) -> bytes:
        return protocol.initial_data(self.user_id, self.profile, self.presence)

    def presence_frame(self) -> bytes:
        if self._presence_frame is None:
            self._presence_frame = protocol.presence_update(self.user_id, self.presence)
        return self._presence_frame

    def profile_frame(self) -> bytes:
        if self._profile_frame is None:
            self._profile_frame = protocol.profile_update(self.user_id, self.profile)
        return self._profile_frame

    def drop_frames(self) -> None:
        """A pass is done: a quiet topic keeps its state, but not the frames."""
        self._presence_frame = self._profile_frame = None

    def _set_presence(self, presence: bytes, version: int) -> None:
        self._presence_version = version
        if presence != self.presence:
            self.presence = presence
            self._presence_frame = None

    def _set_profile(self, source: bytes, version: int) -> None:
        self._profile_version = version
        if source != self._source:
            self._source = source
            self._rebuild_profile()

    def _set_hidden(self, hidden: frozenset[str], version: int) -> None:
        self._hidden_version = version
        if hidden != self.hidden:
            self.hidden = hidden
            self._set_extras(_decode_extras(self._extras))

    def _set_extras(self, extras: ProfileExtras) -> None:
        """What the user hides is not even kept in memory."""
        encoded = msgspec.json.encode(without_hidden(extras, self.hidden))
        if encoded != self._extras:
            self._extras = encoded
            self._rebuild_profile()

    def _set_kv(self, kv: bytes, version: int) -> None:
        self._kv_version = version
        if kv != self.kv:
            self.kv = kv
            self._rebuild_profile()

    def _rebuild_profile(self) -> None:
        if not self._source:
            return
        try:
            profile = apply_extras(self._source, _decode_extras(self._extras))
        except msgspec.MsgspecError:
            # Written by a gateway of another version. It is correct without the extras, too.
            log.warning("ws: the profile of user %d has an unknown shape", self.user_id)
            profile = self._source
        if self.kv:
            profile = with_kv(profile, self.kv)
        if profile != self.profile:
            self.profile = profile
            self._profile_frame = None
