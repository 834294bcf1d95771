"""Which activities go on, begin and end: the rule that makes entries of states. Pure functions.

An activity goes on while one of the same type, name and application is shown: details, state and
even the start that the application reports may change. Songs are told apart by title and artist as
well. After a break, and when it comes back, it is the same one if it has the same start.
"""

from __future__ import annotations

from typing import Final

from msgspec import UNSET, Struct
from msgspec.structs import replace

from services.gateway.history.watch import Watched
from shared.model.history import ActivitySession, HistoryKind, Seen, is_shown
from shared.model.snapshot import Activity, ActivityType, Listening, Presence, Timestamps
from shared.model.user_settings import UserSettings
from shared.redis.history import HistoryWrite, StoredHistory

_KINDS: Final[dict[ActivityType, HistoryKind]] = {
    "Playing": "playing",
    "Streaming": "streaming",
    "Listening": "listening",
    "Watching": "watching",
    "Competing": "competing",
}
_START_JITTER_MS: Final = 2000  # players report the start of the same song anew
_OLDEST_START_MS: Final = 30 * 86_400_000


class Observation(Struct, frozen=True, kw_only=True):
    """What is shown of a person, as it was saved."""

    version_ms: int  # orders what several processes save; 0: not known
    at: int  # ms: when Discord reported it
    watched: Watched
    last_seen: int | None  # as it is shown
    presence: Presence | None  # None: nothing is shown of them


def advance(stored: StoredHistory, settings: UserSettings, new: Observation) -> HistoryWrite | None:
    """What becomes of a person's history. None: nothing changes."""
    seen = stored.seen
    if seen is not None and 0 < new.version_ms < seen.version_ms:
        return None  # another process has recorded a newer state
    presence = new.presence
    is_online = presence is not None and presence.status != "invisible"
    is_break = seen is not None and seen.at < new.watched.since
    end = new.at if seen is None else new.watched.end(seen.at, new.at)
    last_seen = new.last_seen
    if last_seen is not None and seen is not None and seen.is_online:
        end = last_seen  # what they did ended when they were seen last
    if "status" in settings.hide:
        last_seen = None
    elif not is_online and last_seen is None and seen is not None:
        last_seen = end if seen.is_online else seen.last_seen
    keeps_all = settings.history == "recent"
    shown = sessions_of(presence, new.at) if presence is not None and keeps_all else []
    shown = [one for one in shown if is_shown(one, settings)]

    before = list(stored.running)
    removed = [one for one in stored.ended if not is_shown(one, settings)]
    running = []
    for one in shown:
        earlier = _take(before, one, needs_start=is_break)
        if earlier is None:
            earlier = next((old for old in stored.ended if _comes_back(old, one)), None)
            if earlier is not None and earlier not in removed:
                removed.append(earlier)
        running.append(one if earlier is None else _continued(earlier, one))
    ended = [
        replace(one, ended_at=max(one.started_at, end))
        for one in before
        if keeps_all and is_shown(one, settings)
    ]
    is_same_seen = seen is not None and (seen.is_online, seen.last_seen) == (is_online, last_seen)
    if is_same_seen and not is_break and not removed and tuple(running) == stored.running:
        return None
    return HistoryWrite(
        revision=stored.revision,
        seen=Seen(
            at=new.at if seen is None else max(new.at, seen.at),
            version_ms=max(new.version_ms, seen.version_ms if seen else 0),
            is_online=is_online,
            last_seen=last_seen,
        ),
        running=tuple(running),
        removed=tuple(removed),
        ended=tuple(ended),
    )


def sessions_of(presence: Presence, now_ms: int) -> list[ActivitySession]:
    """The activities that are shown, as they would be stored if each had just begun."""
    heard, spotify = presence.listening, presence.spotify
    found = []
    if spotify is not None and heard is not None:
        found.append(_song(heard, now_ms, is_spotify=True))
    for activity in presence.activity:
        if spotify is None and heard is not None and _is_of(activity, heard):
            found.append(_song(heard, now_ms, is_spotify=False))
            heard = None
        else:
            found.append(_other(activity, now_ms))
    return found


def _song(heard: Listening, now_ms: int, *, is_spotify: bool) -> ActivitySession:
    return ActivitySession(
        kind="listening",
        name=heard.app,
        application_id=heard.application_id,
        details=heard.song,
        state=heard.artist,
        image=heard.album_image,
        start=_start(heard.timestamps),
        created_at=heard.created_at,
        started_at=_started(heard.timestamps, heard.created_at, now_ms),
        heard=heard,
        is_spotify=is_spotify,
    )


def _other(activity: Activity, now_ms: int) -> ActivitySession:
    return ActivitySession(
        kind=_KINDS[activity.type] if activity.type else "other",
        name=activity.name,
        application_id=activity.application_id,
        details=activity.details,
        state=activity.state,
        image=activity.largeImage,
        start=_start(activity.timestamps),
        created_at=activity.created_at,
        started_at=_started(activity.timestamps, activity.created_at, now_ms),
    )


def _is_of(activity: Activity, heard: Listening) -> bool:
    """Whether this is the activity that `heard` was made of."""
    return activity.type == "Listening" and (
        activity.application_id == heard.application_id
        and activity.created_at == heard.created_at
        and activity.timestamps == heard.timestamps
    )


def _start(timestamps: Timestamps) -> int | None:
    return None if timestamps.start is UNSET else timestamps.start


def _started(timestamps: Timestamps, created_at: int | None, now_ms: int) -> int:
    """What an application reports as its start may be any number."""
    for time_ms in (_start(timestamps), created_at):
        if time_ms is not None and now_ms - _OLDEST_START_MS <= time_ms <= now_ms:
            return time_ms
    return now_ms


def _take(
    before: list[ActivitySession], one: ActivitySession, *, needs_start: bool
) -> ActivitySession | None:
    """The session that `one` continues, removed from the list."""
    alike = [old for old in before if _is_alike(old, one)]
    found = next((old for old in alike if _has_same_start(old, one)), None)
    if found is None and not needs_start:
        found = next(iter(alike), None)
    if found is not None:
        before.remove(found)
    return found


def _is_alike(old: ActivitySession, new: ActivitySession) -> bool:
    def identity(one: ActivitySession) -> tuple[object, ...]:
        song = (one.heard.song, one.heard.artist) if one.heard else None
        return one.kind, one.name, one.application_id, one.is_spotify, song

    return identity(old) == identity(new)


def _has_same_start(old: ActivitySession, new: ActivitySession) -> bool:
    if old.start is not None and new.start is not None:
        return abs(old.start - new.start) <= _START_JITTER_MS
    return old.start is new.start is None and old.created_at == new.created_at


def _comes_back(old: ActivitySession, new: ActivitySession) -> bool:
    return _is_alike(old, new) and _has_same_start(old, new)


def _continued(old: ActivitySession, new: ActivitySession) -> ActivitySession:
    return replace(new, started_at=min(old.started_at, new.started_at))
