"""One user as Lanyard's dialect shows them: the newest presence, and its frame in each encoding.

Kept only while a client of this dialect is subscribed. Nothing here awaits.
"""

from __future__ import annotations

from typing import Final, Protocol

from services.ws.lanyard import protocol
from services.ws.lanyard.protocol import NOBODY, Encoding
from services.ws.peer import NO_FD
from shared.model import lanyard

NOT_SENT: Final = b""
"""Of a subscription: its INIT_STATE is still to come."""


class LanyardOwner(Protocol):
    """services.ws.lanyard.session.LanyardSession, as far as a subscription needs it."""

    def show(self, subscription: LanyardSubscription) -> None: ...

    def write_rest(self, rest: bytes) -> None: ...

    def answered(self, user_id: int) -> None: ...


class LanyardSubscription:
    """One client's subscription to one user. The fan-out treats it like one of Grux's dialect."""

    __slots__ = ("fd", "presence", "profile", "session", "view")

    def __init__(self, session: LanyardOwner, view: LanyardView) -> None:
        self.session = session
        self.view = view
        self.presence = NOT_SENT  # what the client was sent last; NOBODY: that there is no presence
        self.profile = b""  # this dialect has none
        self.fd = NO_FD  # as services.ws.topic.Subscription.fd


class LanyardUser:
    """What all encodings share. Equal presences are the same object."""

    __slots__ = (
        "_frames",
        "answered",
        "everyones",
        "farewell",
        "presence",
        "received",
        "user_id",
        "views",
        "waiters",
    )

    def __init__(self, user_id: int) -> None:
        self.user_id = user_id
        self.presence = b""  # JSON; empty: not monitored, or not known yet
        self.farewell = b""  # JSON; sent to clients when the user is not monitored any more
        self.answered = False  # known since the connection to Redis is up
        self.received = 0  # as services.ws.topic.Topic.received
        self.everyones = False  # shown to clients that are subscribed to everyone
        self.views: dict[Encoding, LanyardView] = {}
        self.waiters: dict[LanyardOwner, None] = {}  # whose INIT_STATE waits for this user
        self._frames: dict[Encoding, bytes] = {}

    @property
    def watched(self) -> bool:
        return self.everyones or bool(self.views)

    @property
    def shown(self) -> bytes:
        """What an INIT_STATE for this user alone holds."""
        return self.presence or NOBODY

    @property
    def current(self) -> bytes:
        """What clients that were shown the user are to be shown now."""
        return self.presence or self.farewell

    def view(self, encoding: Encoding) -> LanyardView:
        view = self.views.get(encoding)
        if view is None:
            view = self.views[encoding] = LanyardView(self, encoding)
        return view

    def set_presence(self, presence: bytes) -> bool:
        """Take the newest presence; empty: not monitored. Whether it is another one."""
        self.answered = True
        if presence == self.presence:
            return False
        self.farewell = b"" if presence else lanyard.departed(self.presence)
        self.presence = presence
        self.drop_frames()
        return True

    def frame(self, encoding: Encoding) -> bytes:
        """The update that shows `current`, built once."""
        frame = self._frames.get(encoding)
        if frame is None:
            payload = protocol.presence_update(self.current)
            frame = self._frames[encoding] = encoding.frame(payload)
        return frame

    def drop_frames(self) -> None:
        """Every client was sent it: a quiet user keeps the presence, but no frames."""
        self._frames.clear()


class LanyardView:
    """The subscriptions of one encoding. The fan-out treats it like a topic."""

    __slots__ = ("encoding", "received", "subscriptions", "user")

    profile: Final = b""

    def __init__(self, user: LanyardUser, encoding: Encoding) -> None:
        self.user = user
        self.encoding = encoding
        self.subscriptions: dict[LanyardSubscription, None] = {}
        self.received = 0  # as services.ws.topic.Topic.received

    @property
    def presence(self) -> bytes:
        return self.user.current

    def presence_frame(self) -> bytes:
        return self.user.frame(self.encoding)

    def drop_frames(self) -> None:
        self.user.drop_frames()
