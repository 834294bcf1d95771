"""The known state of each monitored user, kept small: JSON bytes, and the guilds they are in.

Most of a hundred thousand users are offline: they share one presence, and a user object is decoded
only when it changes or is written.

Long because the cache and the ways to change a user are read together.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from services.gateway.normalize import presence_json, sanitize, user_json
from services.gateway.normalize.presence_event import PresenceEvent
from services.gateway.normalize.presence_json import OFFLINE
from services.gateway.state.ended_activities import IsLive
from services.gateway.state.merged_presence import OUTDATED, MergedPresence

_encode = msgspec.json.encode
_decode = msgspec.json.decode


class _DiscordObjects(Struct):
    """What `CachedUser.discord` gives, each part undecoded."""

    user: Raw
    status: Raw
    client_status: Raw
    activities: Raw


_decode_objects = msgspec.json.Decoder(_DiscordObjects).decode


MATCHES_NOTHING: Final = -1  # no hash in Python is -1


RawPresence = Mapping[str, Any] | PresenceEvent | bytes
"""What Discord sends; or JSON of presence_json.py, of what is sanitized already."""


class StoredUser(Struct, frozen=True):
    """One user as Redis has them."""

    discord: bytes  # CachedUser.discord
    reports: bytes | None  # MergedPresence.stored


class Elsewhere(Struct):
    """Of a user who is in guilds of which this process knows nothing: what MergedPresence has of
    them, while all guilds report the same. It takes 0.2 KB, a MergedPresence 2."""

    guilds: tuple[int, ...]
    unlisted: tuple[int, ...]
    version: int


class CachedUser(Struct, gc=False, eq=False):
    """One monitored user. Refers to nothing that refers to it: the garbage collector need not look
    through a hundred thousand of them."""

    user: bytes  # JSON of sanitize.user
    presence: bytes = OFFLINE  # of presence_json.py, merged over the guilds
    merged: MergedPresence | None = None  # None while all guilds report `presence`
    elsewhere: Elsewhere | None = None  # None while `merged` knows, or all are in `guilds`
    guilds: tuple[int, ...] = ()  # of this process's shards
    last_raw_hash: int = 0
    """Of the last raw presence, if all guilds report it, or MATCHES_NOTHING. 0: none was sent."""
    flushed_hash: int = 0
    """Of what the profile in Redis was rendered from. 0: Redis may have none; MATCHES_NOTHING: it
    has the one that it had before this process."""

    def discord(self) -> bytes:
        """JSON `{"user", "status", "client_status", "activities"}`."""
        return discord_objects(self.user, self.presence)

    def reported(self, guild_id: int) -> bytes:
        """What the guild reported last, as presence_json.py gives it."""
        return self.merged.reports.get(guild_id, self.presence) if self.merged else self.presence

    def all_guilds(self) -> tuple[int, ...]:
        """Those too that only Redis knows of."""
        if merged := self.merged:
            return (*self.guilds, *merged.elsewhere, *merged.unlisted)
        if others := self.elsewhere:
            return (*self.guilds, *others.guilds, *others.unlisted)
        return self.guilds

    def merged_from(self) -> tuple[int, int]:
        """How many guilds `presence` was merged from, and the version in Redis; 0: none."""
        known = self.merged or self.elsewhere
        return (len(set(self.all_guilds())), known.version) if known else (len(self.guilds), 0)

    def saved_as(self, version: int) -> None:
        """Redis has what is known, as this version."""
        if known := self.merged or self.elsewhere:
            known.version = version

    def unfold(self) -> MergedPresence:
        """What the guilds report, to be changed. `fold` afterwards."""
        if self.merged is None:
            self.merged = MergedPresence(self.presence)
            if others := self.elsewhere:
                self.merged.elsewhere = frozenset(others.guilds)
                self.merged.unlisted = frozenset(others.unlisted)
                self.merged.version = others.version
                self.elsewhere = None
        return self.merged

    def fold(self) -> None:
        """Keep what the guilds report only where it differs."""
        merged = self.merged
        if merged is None or not merged.is_uniform:
            return
        self.merged = None
        if merged.elsewhere or merged.unlisted:
            self.elsewhere = Elsewhere(
                tuple(merged.elsewhere), tuple(merged.unlisted), merged.version
            )

    def join(self, guild_id: int) -> None:
        """The user is in this guild of a shard of this process."""
        if self.merged or self.elsewhere or self.guilds:
            self.unfold().join(guild_id)
        self.guilds += (guild_id,)

    def await_presence(self, guild_id: int) -> None:
        """The presence is being requested: that the user is shown as offline is no report."""
        if self.merged is None and not self.last_raw_hash:
            self.unfold().join(guild_id)

    def tick(self, is_live: IsLive) -> bool:
        """As MergedPresence.tick."""
        merged = self.merged
        if merged is None or not merged.tick(self.all_guilds(), is_live):
            return False
        self.presence = merged.shown
        self.last_raw_hash = MATCHES_NOTHING
        self.fold()
        return True

    def forget(self, guild_ids: Iterable[int], in_one_shard: Callable[[int, int], bool]) -> None:
        """Redis does not count these any more, of the guilds that only it knew of.

        What it had of one is from before those of the shard were listed.
        """
        for guild_id in guild_ids:
            known = self.merged or self.elsewhere
            if known and guild_id in known.unlisted:
                newer = [one for one in self.guilds if in_one_shard(one, guild_id)]
                self.leave(guild_id, newer=newer)

    def add_restored_guild(self, guild_id: int, stored: StoredUser) -> None:
        """This process runs the guild's shard now. Raises msgspec.MsgspecError."""
        report = restored_user(stored.discord, stored.reports).reported(guild_id)
        if self.merged or self.elsewhere or report != self.presence:
            self.unfold().restore_report(guild_id, report)

    def hand_over(self, guild_id: int) -> None:
        """Another process runs the guild's shard now, and writes what it reports."""
        self.guilds = tuple(other for other in self.guilds if other != guild_id)
        if self.guilds:
            merged = self.unfold()
            merged.elsewhere |= {guild_id}
            merged.version = OUTDATED

    def leave(
        self,
        guild_id: int,
        silent: Collection[int] = (),
        unfollowed: Collection[int] = (),
        newer: Collection[int] = (),
    ) -> None:
        """As MergedPresence.leave."""
        self.guilds = tuple(other for other in self.guilds if other != guild_id)
        if self.merged is None and self.elsewhere is None:
            return
        merged = self.unfold()
        merged.unlisted -= {guild_id}
        left = [other for other in self.all_guilds() if other != guild_id]
        merged.leave(guild_id, left, {*silent, *merged.unlisted}, unfollowed, newer)
        self.last_raw_hash = MATCHES_NOTHING
        self.presence = merged.shown
        self.fold()


class UserCache:
    """Every member of a monitored guild of this process's shards."""

    def __init__(self) -> None:
        self._users: dict[int, CachedUser] = {}
        self._gone: dict[int, CachedUser] = {}
        self._waiting: set[int] = set()

    def __len__(self) -> int:
        return len(self._users)

    def __contains__(self, user_id: int, /) -> bool:
        return user_id in self._users

    def __iter__(self) -> Iterator[tuple[int, CachedUser]]:
        return iter(self._users.items())

    def get(self, user_id: int) -> CachedUser | None:
        return self._users.get(user_id)

    def add(self, user_id: int, raw: Any) -> CachedUser | None:
        """Add the user of this raw object. None when it has no name: there would be nothing to
        show."""
        user = user_json.well_formed(raw)
        if user is None:
            sanitized = sanitize.user(raw)
            if not sanitized.get("username"):
                return None
            user = _encode({**sanitized, "id": str(user_id)})
        cached = self._users[user_id] = CachedUser(user)
        self._gone.pop(user_id, None)
        return cached

    def restore(self, user_id: int, discord: bytes, reports: bytes | None) -> CachedUser:
        """Add the user as `CachedUser.discord` and `MergedPresence.stored` gave them. Raises
        msgspec.MsgspecError."""
        cached = self._users[user_id] = restored_user(discord, reports)
        cached.flushed_hash = MATCHES_NOTHING
        self._gone.pop(user_id, None)
        return cached

    def remove(self, user_id: int) -> None:
        self._users.pop(user_id, None)

    def note_waiting(self, user_id: int, cached: CachedUser) -> None:
        """What is shown of the user may change with time alone, if it may."""
        if cached.merged and cached.merged.is_waiting:
            self._waiting.add(user_id)

    def gone(self, user_id: int) -> CachedUser | None:
        """As `note_gone` was told."""
        return self._gone.get(user_id)

    def note_gone(self, user_id: int, user: CachedUser | None) -> None:
        """The user has left the last guild of this process, and is in those of others, which have
        not heard of what is still to change with time alone. `user`: as saved; None: nothing."""
        if user and user.merged and user.merged.is_waiting:
            self._gone[user_id] = user
            self._waiting.add(user_id)
        else:
            self._gone.pop(user_id, None)

    def waiting(self) -> Iterator[tuple[int, CachedUser]]:
        """Those of whom what is shown may change with time alone."""
        for user_id in list(self._waiting):
            cached = self._users.get(user_id) or self._gone.get(user_id)
            if cached and cached.merged and cached.merged.is_waiting:
                yield user_id, cached
            else:
                self._waiting.discard(user_id)


def discord_objects(user: bytes, presence: bytes) -> bytes:
    """JSON `{"user", "status", "client_status", "activities"}`."""
    return b'{"user":%b,%b' % (user, presence[1:])


def restored_user(discord: bytes, reports: bytes | None) -> CachedUser:
    """The user, in no guild yet. Raises msgspec.MsgspecError, whatever is stored there."""
    try:
        return _restored_user(discord, reports)
    except (ValueError, RecursionError) as error:
        raise msgspec.DecodeError(str(error)) from error


def _restored_user(discord: bytes, reports: bytes | None) -> CachedUser:
    objects = _decode_objects(discord)
    cached = CachedUser(bytes(objects.user))
    presence = b'{"status":%b,"client_status":%b,"activities":%b}' % (
        bytes(objects.status),
        bytes(objects.client_status),
        bytes(objects.activities),
    )
    if presence != OFFLINE:
        cached.presence = presence
    if reports:
        cached.merged = MergedPresence.restore(cached.presence, reports)
    return cached


def merge_user(cached: CachedUser, raw: Any) -> bool:
    """Apply a raw user object, whole or partial. True if anything changed. `raw`: as in
    user_json.well_formed."""
    whole = user_json.well_formed(raw)
    if whole == cached.user:
        return False  # Discord lists members who are online twice
    user = sanitize.user(raw) if whole is None else _decode(whole)
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


def merge_presence(
    cached: CachedUser,
    guild_id: int,
    raw: RawPresence,
    silent: Collection[int] = (),
    unfollowed: Collection[int] = (),
) -> bool:
    """Apply what Discord shows of the user in the guild. True if anything changed.

    `silent`, `unfollowed`: as in MergedPresence.report.
    """
    if isinstance(raw, bytes):
        raw_hash = MATCHES_NOTHING
    else:
        raw_hash = raw.shown_hash() if isinstance(raw, PresenceEvent) else _hash(raw)
        if raw_hash and raw_hash == cached.last_raw_hash and cached.merged is None:
            return False  # Discord repeats it for each shared guild
    report = sanitized(cached, guild_id, raw)
    changed = _merge_report(cached, guild_id, report, silent, unfollowed)
    # Where guilds differ, what one of them has reported is not what is shown.
    cached.last_raw_hash = raw_hash if cached.merged is None else MATCHES_NOTHING
    return changed


def _merge_report(
    cached: CachedUser,
    guild_id: int,
    report: bytes,
    silent: Collection[int],
    unfollowed: Collection[int],
) -> bool:
    merged = cached.merged
    if merged is None:
        if report == cached.presence:
            return False
        if len(cached.guilds) <= 1 and cached.elsewhere is None:
            cached.presence = report
            return True
        merged = cached.unfold()
    before = (merged.shown, merged.reports)
    merged.report(guild_id, report, cached.all_guilds(), {*silent, *merged.unlisted}, unfollowed)
    cached.presence = merged.shown
    cached.fold()
    return (merged.shown, merged.reports) != before


def sanitized(cached: CachedUser, guild_id: int, raw: RawPresence) -> bytes:
    """JSON of presence_json.py of what Discord shows of the user in the guild."""
    if isinstance(raw, PresenceEvent):
        raw = raw.presence()
    if isinstance(raw, bytes):
        return raw
    report = OFFLINE if raw.get("status") == "offline" else presence_json.well_formed(raw)
    if report is not None:
        return report
    presence = sanitize.presence(raw)
    if len(presence) < 3:
        presence = {**(_decode(cached.reported(guild_id)) or _decode(OFFLINE)), **presence}
    return presence_json.of(presence)


def _hash(raw: Mapping[str, Any]) -> int:
    """Hash of what a raw presence shows; 0, which never matches, if it is not plain JSON."""
    get = raw.get
    shown = (get("status", "\0"), get("client_status", "\0"), get("activities", "\0"))
    try:
        return hash(_encode(shown)) or 1
    except (UnicodeError, RecursionError):
        return 0
