"""What the gateway knows of each person, kept small: JSON bytes, and the guilds they share.

A hundred thousand people are mostly offline ones: they share one presence, and a user object is
decoded only when it changes or is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Raw, Struct

from services.gateway.normalize import sanitize
from services.gateway.normalize.sanitize import Json

_encode = msgspec.json.encode
_decode = msgspec.json.decode


class _Known(Struct):
    """What `CachedUser.discord` gives, each part as it is."""

    user: Raw
    status: Raw
    client_status: Raw
    activities: Raw


_known = msgspec.json.Decoder(_Known).decode

OFFLINE = _encode({"status": "offline", "client_status": {}, "activities": []})


class CachedUser:
    """One monitored user."""

    __slots__ = ("guilds", "heard", "presence", "user", "written")

    def __init__(self, user: bytes) -> None:
        self.user = user  # clean.user
        self.presence = OFFLINE  # clean.presence
        self.guilds: tuple[int, ...] = ()
        self.heard = 0  # hash of the last raw presence
        self.written = 0  # hash of what the profile in Redis was drawn from

    def discord(self) -> bytes:
        """`{"user", "status", "client_status", "activities"}`"""
        return b'{"user":%b,%b' % (self.user, self.presence[1:])


class UserCache:
    """Everyone who is in a monitored guild of this process's shards."""

    def __init__(self) -> None:
        self._people: dict[int, CachedUser] = {}

    def __len__(self) -> int:
        return len(self._people)

    def __iter__(self) -> Iterator[tuple[int, CachedUser]]:
        return iter(self._people.items())

    def get(self, user_id: int) -> CachedUser | None:
        return self._people.get(user_id)

    def add(self, user_id: int, user: Json) -> CachedUser | None:
        """Make the person known. None when `user` has no name: there would be nothing to show."""
        if not user.get("username"):
            return None
        person = self._people[user_id] = CachedUser(_encode({**user, "id": str(user_id)}))
        return person

    def recall(self, user_id: int, discord: bytes) -> CachedUser:
        """Make the person known as `CachedUser.discord` once showed them."""
        known = _known(discord)
        person = self._people[user_id] = CachedUser(bytes(known.user))
        presence = b'{"status":%b,"client_status":%b,"activities":%b}' % (
            bytes(known.status),
            bytes(known.client_status),
            bytes(known.activities),
        )
        if presence != OFFLINE:
            person.presence = presence
        return person

    def forget(self, user_id: int) -> None:
        self._people.pop(user_id, None)


def merge_user(person: CachedUser, user: Json) -> bool:
    """Take over what a whole or partial user says. Tells whether anything changed."""
    user.pop("id", None)
    if not user:
        return False
    if not user.get("username", "?"):  # a name is never cleared
        del user["username"]
    merged = _encode({**_decode(person.user), **user})
    if merged == person.user:
        return False
    person.user = merged
    return True


def merge_presence(person: CachedUser, raw: Mapping[str, Any]) -> bool:
    """Take over what a presence event says. Tells whether anything changed."""
    heard = _hash(raw)
    if heard and heard == person.heard:
        return False  # 4 µs, where cleaning takes 13: Discord repeats it for each shared guild
    person.heard = heard
    kept = sanitize.presence(raw)
    if len(kept) < 3:
        kept = {**_decode(person.presence), **kept}
    if kept["status"] == "offline":
        merged = OFFLINE
    else:
        merged = _encode({key: kept[key] for key in ("status", "client_status", "activities")})
    if merged == person.presence:
        return False
    person.presence = merged
    return True


def _hash(raw: Mapping[str, Any]) -> int:
    """Of what a raw presence shows; 0, which is never heard, of one that is not plain JSON."""
    shown = [raw.get(key, "\0") for key in ("status", "client_status", "activities")]
    try:
        return hash(_encode(shown)) or 1
    except (UnicodeError, RecursionError):
        return 0
