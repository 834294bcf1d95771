"""The known state of each monitored user, kept small: JSON bytes, and the guilds they are in.

Most of a hundred thousand users are offline: they share one presence, and a user object is decoded
only when it changes or is written.
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


class _DiscordObjects(Struct):
    """What `CachedUser.discord` gives, each part undecoded."""

    user: Raw
    status: Raw
    client_status: Raw
    activities: Raw


_decode_objects = msgspec.json.Decoder(_DiscordObjects).decode

OFFLINE = _encode({"status": "offline", "client_status": {}, "activities": []})


class CachedUser:
    """One monitored user."""

    __slots__ = ("flushed_hash", "guilds", "last_raw_hash", "presence", "user")

    def __init__(self, user: bytes) -> None:
        self.user = user  # JSON of sanitize.user
        self.presence = OFFLINE  # JSON of sanitize.presence
        self.guilds: tuple[int, ...] = ()
        self.last_raw_hash = 0  # of the last raw presence
        self.flushed_hash = 0  # of what the profile in Redis was rendered from

    def discord(self) -> bytes:
        """JSON `{"user", "status", "client_status", "activities"}`."""
        return b'{"user":%b,%b' % (self.user, self.presence[1:])


class UserCache:
    """Every member of a monitored guild of this process's shards."""

    def __init__(self) -> None:
        self._users: dict[int, CachedUser] = {}

    def __len__(self) -> int:
        return len(self._users)

    def __iter__(self) -> Iterator[tuple[int, CachedUser]]:
        return iter(self._users.items())

    def get(self, user_id: int) -> CachedUser | None:
        return self._users.get(user_id)

    def add(self, user_id: int, user: Json) -> CachedUser | None:
        """Add the user. None when `user` has no name: there would be nothing to show."""
        if not user.get("username"):
            return None
        cached = self._users[user_id] = CachedUser(_encode({**user, "id": str(user_id)}))
        return cached

    def restore(self, user_id: int, discord: bytes) -> CachedUser:
        """Add the user as `CachedUser.discord` gave them. Raises msgspec.MsgspecError."""
        objects = _decode_objects(discord)
        cached = self._users[user_id] = CachedUser(bytes(objects.user))
        presence = b'{"status":%b,"client_status":%b,"activities":%b}' % (
            bytes(objects.status),
            bytes(objects.client_status),
            bytes(objects.activities),
        )
        if presence != OFFLINE:
            cached.presence = presence
        return cached

    def remove(self, user_id: int) -> None:
        self._users.pop(user_id, None)


def merge_user(cached: CachedUser, user: Json) -> bool:
    """Apply a whole or partial user object. True if anything changed."""
    user.pop("id", None)
    if not user:
        return False
    if not user.get("username", "?"):  # a name is never cleared
        del user["username"]
    merged = _encode({**_decode(cached.user), **user})
    if merged == cached.user:
        return False
    cached.user = merged
    return True


def merge_presence(cached: CachedUser, raw: Mapping[str, Any]) -> bool:
    """Apply a presence event. True if anything changed."""
    raw_hash = _hash(raw)
    if raw_hash and raw_hash == cached.last_raw_hash:
        return False  # 4 µs; sanitizing takes 13. Discord repeats it for each shared guild
    cached.last_raw_hash = raw_hash
    presence = sanitize.presence(raw)
    if len(presence) < 3:
        presence = {**_decode(cached.presence), **presence}
    if presence["status"] == "offline":
        merged = OFFLINE
    else:
        merged = _encode({key: presence[key] for key in ("status", "client_status", "activities")})
    if merged == cached.presence:
        return False
    cached.presence = merged
    return True


def _hash(raw: Mapping[str, Any]) -> int:
    """Hash of what a raw presence shows; 0, which never matches, if it is not plain JSON."""
    shown = [raw.get(key, "\0") for key in ("status", "client_status", "activities")]
    try:
        return hash(_encode(shown)) or 1
    except (UnicodeError, RecursionError):
        return 0
