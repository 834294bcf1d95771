"""One user: the newest state that is known, and the frames that show it.

Nothing here awaits, and nothing knows of sockets or Redis.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET

from services.ws import protocol
from shared.model.message import PresenceMessage
from shared.model.profile_extras import ProfileExtras, apply_extras
from shared.model.snapshot import Snapshot

if TYPE_CHECKING:
    from services.ws.session import Subscription

log = logging.getLogger(__name__)

NOTHING = msgspec.json.encode(ProfileExtras())
_decode = msgspec.json.Decoder(ProfileExtras).decode


class Topic:
    """A user that somebody watches, or watched a moment ago.

    Versions stand per field: after a cut, a message about one field says nothing of the other.
    `presence` and `profile` are replaced by equal bytes never: who holds the same object has
    seen the same state.
    """

    __slots__ = (
        "_facts",
        "_late",
        "_presence_frame",
        "_presence_version",
        "_profile_frame",
        "_profile_version",
        "_source",
        "facts_asked",
        "facts_due",
        "facts_tries",
        "loaded",
        "presence",
        "profile",
        "received",
        "user_id",
        "watches",
    )

    def __init__(self, user_id: int) -> None:
        self.user_id = user_id
        # In the order in which they came, as the C floor goes (fan-out: 0.99 of what a set costs,
        # which is less than the noise of one run).
        self.watches: dict[Subscription, None] = {}
        self.loaded = False  # since the line to Redis stands: an update cannot have been missed
        self.presence = b""  # not known yet
        self.profile = b""  # completed with facts
        self.received = (
            0  # of the oldest update that no pass has taken yet: see shared.redis.store.Save
        )
        self.facts_asked = False  # at least once: answered, or given up
        self.facts_due = 0.0  # loop time; 0 while they are being asked for
        self.facts_tries = 0  # without an answer, in a row
        self._source = b""  # the profile as the gateway knows it
        self._facts = NOTHING  # as JSON, which takes a third of the memory of the structs
        self._presence_version = 0
        self._profile_version = 0
        self._late = 0  # messages up to this version were overtaken, whatever is loaded now
        self._presence_frame: bytes | None = None
        self._profile_frame: bytes | None = None

    @property
    def known(self) -> bool:
        """Whether there is a whole state, be it an old one."""
        return bool(self.presence and self.profile)

    @property
    def ready(self) -> bool:
        """Whether a newcomer can be shown this."""
        return self.loaded and self.facts_asked

    def apply(self, update: PresenceMessage) -> None:
        """Take what is newer than what is held. One that holds every field is a whole state."""
        profile, presence = update.profile, update.presence
        if update.version <= self._late:
            return
        if profile is not UNSET and update.version > self._profile_version:
            self._take_profile(bytes(profile), update.version)
            self.received = self.received or update.received
        if presence is not UNSET and update.version > self._presence_version:
            self._take_presence(bytes(presence), update.version)
            self.received = self.received or update.received
        if profile is not UNSET and presence is not UNSET:
            self.loaded = True

    def load(self, snapshot: Snapshot) -> None:
        """Take what no message has overtaken."""
        if snapshot.version > self._profile_version:
            self._take_profile(snapshot.profile, snapshot.version)
        if snapshot.version > self._presence_version:
            self._take_presence(snapshot.presence, snapshot.version)
        self._late = 0
        self.loaded = True

    def outlived_by(self, version: int) -> bool:
        """Whether a message of this version is newer than everything held."""
        return version > max(self._profile_version, self._presence_version, self._late)

    def doubt(self, *, line_stays: bool = False) -> None:
        """Redis may have lost something: whatever is loaded next is the truth.

        A Redis may come back with older data than it had. What it holds then is what every
        other reader sees, so no version from before may stand against it. `line_stays`: a message
        may be under way on it that is older than what is held.
        """
        self.loaded = False
        newest = max(self._profile_version, self._presence_version, self._late)
        self._late = newest if line_stays else 0
        self._profile_version = self._presence_version = 0

    def learn(self, facts: ProfileExtras | None) -> None:
        """Take what the profile source said. None, no answer, leaves what is known."""
        self.facts_asked = True
        if facts is not None and (known := msgspec.json.encode(facts)) != self._facts:
            self._facts = known
            self._complete()

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

    def forget_frames(self) -> None:
        """Everyone who could be sent them has been: a quiet topic holds its state only."""
        self._presence_frame = self._profile_frame = None

    def _take_presence(self, presence: bytes, version: int) -> None:
        self._presence_version = version
        if presence != self.presence:
            self.presence = presence
            self._presence_frame = None

    def _take_profile(self, source: bytes, version: int) -> None:
        self._profile_version = version
        if source != self._source:
            self._source = source
            self._complete()

    def _complete(self) -> None:
        if not self._source:
            return
        try:
            profile = apply_extras(self._source, _decode(self._facts))
        except msgspec.MsgspecError:
            # Written by a gateway of another version. Without facts it is still the truth.
            log.warning("the profile of user %d is not in the known shape", self.user_id)
            profile = self._source
        if profile != self.profile:
            self.profile = profile
            self._profile_frame = None
