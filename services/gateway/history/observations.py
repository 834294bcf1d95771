"""What the writer knows and leaves of people who keep a history. Nothing here does I/O.

The newest state of each person waits here until it is recorded: memory is bounded by people, never
by the rate of events.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec
from msgspec import UNSET, Struct, UnsetType

from services.gateway.history.sessions import Observation
from services.gateway.history.watch import Watch
from services.gateway.privacy.settings_table import SettingsTable
from shared.model.history import (
    HISTORY_MAX_DAYS,
    ActivitySession,
    KeptSong,
    Seen,
    is_shown,
    last_played,
)
from shared.model.snapshot import Presence, Status

_DAY_MS: Final = 86_400_000
_decode_presence: Final = msgspec.json.Decoder(Presence).decode
_encode: Final = msgspec.json.encode
_NO_SONG: Final = _encode(KeptSong())


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class _Known(Struct):
    """Of one person, in memory."""

    seen_at: int  # ms: when `is_online` was right
    is_online: bool
    last_seen: int | None
    recorded: int = 0  # the hash of the presence that was recorded last
    recorded_at: int = 0


class _Waiting(Struct, frozen=True):
    """An Observation that is not decoded yet."""

    presence: bytes
    observation: Observation


class Observations:
    """Filled by the writer, emptied by the recorder."""

    def __init__(
        self,
        people: SettingsTable,
        watch: Watch,
        *,
        days: int = HISTORY_MAX_DAYS,
        now_ms: Callable[[], int] = _now_ms,
    ) -> None:
        """`days`: HISTORY_DAYS."""
        self._people = people
        self._watch = watch
        self._kept_ms = days * _DAY_MS
        self._now_ms = now_ms
        self._known: dict[int, _Known] = {}
        self._waiting: dict[int, _Waiting] = {}
        self._compared: set[int] = set()
        self._songs: dict[int, ActivitySession | None] = {}

    def __len__(self) -> int:
        """How many people wait to be recorded."""
        return len(self._waiting)

    def is_kept(self, user_id: int) -> bool:
        """Whether the person keeps a history."""
        return user_id in self._people.history

    def restored(self, user_id: int, seen: Seen | None) -> None:
        """What is stored of the person; it counts if it is newer than what is known here."""
        known = self._known.get(user_id)
        if seen is not None and (known is None or known.seen_at < seen.at):
            self._known[user_id] = _Known(seen.at, seen.is_online, seen.last_seen)

    def restored_song(self, user_id: int, session: ActivitySession | None) -> None:
        """The last song in what is stored of the person, unless this process knows it better."""
        if self.is_kept(user_id):
            self._songs.setdefault(user_id, session)

    def song(self, user_id: int) -> ActivitySession | None:
        """The last song that is over, as far as it is known."""
        return self._songs.get(user_id)

    def recorded_song(self, user_id: int, session: ActivitySession | None) -> bool:
        """The last song in what has been recorded. Whether it is another one than before."""
        before = self._songs.get(user_id)
        if self.is_kept(user_id):
            self._songs[user_id] = session
        return before != session

    def kept_song(self, user_id: int) -> bytes:
        """Fields.history of the person, by the settings of this moment."""
        settings = self._people.chosen(user_id)
        if settings is None or settings.history == "off":
            return b""
        session = self._songs.get(user_id)
        song = last_played(session)
        if session is None or song is None or settings.history != "recent":
            return _NO_SONG
        until = song.ended_at + self._kept_ms
        if until <= self._now_ms() or not is_shown(session, settings):
            return _NO_SONG
        return _encode(KeptSong(song=song, is_spotify=session.is_spotify, until=until))

    def adopt(self, user_id: int, last_seen: int | None) -> None:
        """Another process shows this time, and shows it first."""
        known = self._known.get(user_id)
        if known is not None and last_seen is not None:
            known.is_online, known.last_seen = False, last_seen

    def last_seen(
        self, user_id: int, status: Status, guild_ids: Iterable[int]
    ) -> int | UnsetType | None:
        """`Presence.last_seen` of a person who is about to be shown with this status."""
        if user_id not in self._people.history:
            return UNSET
        now = self._now_ms()
        known = self._known.get(user_id)
        if known is None:
            known = self._known[user_id] = _Known(now, status != "invisible", None)
        chosen = self._people.chosen(user_id)
        if chosen is not None and "status" in chosen.hide:
            known.is_online, known.last_seen, known.seen_at = False, None, now
        elif status != "invisible":
            known.is_online, known.last_seen, known.seen_at = True, None, now
        else:
            self._end(known, guild_ids, now)
            if known.last_seen is not None and known.last_seen < now - self._kept_ms:
                known.last_seen = None
        return known.last_seen

    def saved(
        self,
        user_id: int,
        presence: bytes,
        guild_ids: Sequence[int],
        *,
        version: int,
        received_us: int,
    ) -> None:
        """Redis shows this of the person. `version`: of the save; 0: it was shown already."""
        now = self._now_ms()
        watched = self._watch.of(guild_ids, now)
        known = self._known.get(user_id)
        if known is None:
            return
        if (
            user_id not in self._waiting  # else what waits is older than this
            and known.recorded == hash(presence)
            and known.recorded_at >= watched.since
        ):
            return
        self._waiting[user_id] = _Waiting(
            presence,
            Observation(
                version_ms=version // 1000,
                at=received_us // 1000 or now,
                watched=watched,
                last_seen=known.last_seen,
                presence=None,
            ),
        )

    def withdrawn(self, user_id: int, guild_ids: Iterable[int]) -> None:
        """Nothing is shown of the person any more: they hide, or have left."""
        if user_id not in self._people.history:
            return
        now = self._now_ms()
        known = self._known.get(user_id)
        if known is not None:
            self._end(known, guild_ids, now)
        self._waiting[user_id] = _Waiting(
            b"",
            Observation(
                version_ms=0,
                at=now,
                watched=self._watch.of(guild_ids, now),
                last_seen=None if known is None else known.last_seen,
                presence=None,
            ),
        )

    def settings_changed(self, user_id: int) -> None:
        """Perhaps the person keeps no history any more, or hides what was recorded."""
        self._compared.discard(user_id)
        self._songs.pop(user_id, None)  # perhaps it is erased: it is shown once it is read again
        known = self._known.get(user_id)
        if not self.is_kept(user_id):
            self._known.pop(user_id, None)
            self._waiting.pop(user_id, None)
        elif known is not None:
            known.recorded = 0

    def uncompared(self, user_ids: Iterable[int]) -> list[int]:
        """Those of them whose whole history is yet to be compared with what they hide."""
        return [user_id for user_id in user_ids if user_id not in self._compared]

    def compared(self, user_ids: Iterable[int]) -> None:
        """Their whole history holds nothing that they hide."""
        self._compared.update(user_ids)

    def take(self, most: int) -> dict[int, Observation]:
        """The people who have waited longest, at most so many."""
        taken: dict[int, Observation] = {}
        for user_id in list(self._waiting)[:most]:
            waiting = self._waiting.pop(user_id)
            known = self._known.get(user_id)
            if known is not None:
                known.recorded = hash(waiting.presence) if waiting.presence else 0
                known.recorded_at = waiting.observation.at
            taken[user_id] = msgspec.structs.replace(
                waiting.observation,
                presence=_decode_presence(waiting.presence) if waiting.presence else None,
            )
        return taken

    def put_back(self, user_id: int, observation: Observation) -> None:
        """It could not be recorded. A newer one is in its place, perhaps."""
        known = self._known.get(user_id)
        if known is not None:
            known.recorded = 0
        if user_id not in self._waiting and self.is_kept(user_id):
            presence = _encode(observation.presence) if observation.presence else b""
            self._waiting[user_id] = _Waiting(presence, observation)

    def _end(self, known: _Known, guild_ids: Iterable[int], now: int) -> None:
        """They are not online any more."""
        if known.is_online:
            known.last_seen = self._watch.of(guild_ids, now).end(known.seen_at, now)
        known.is_online = False
        known.seen_at = now
