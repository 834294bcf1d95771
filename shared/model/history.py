"""What is kept of people who want a history: docs/api.md, "Accounts". Nothing here does I/O."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from shared.model.snapshot import Listening, Milliseconds, Url
from shared.model.user_settings import HistoryLevel, UserSettings

HISTORY_MAX_DAYS: Final = 30
HISTORY_MAX_ENTRIES: Final = 200  # for each person, those that are still running included

HistoryKind = Literal["playing", "streaming", "listening", "watching", "competing", "other"]


def in_days(days: int) -> str:
    """HISTORY_DAYS in words."""
    return "1 day" if days == 1 else f"{days} days"


class HistoryEntry(Struct, frozen=True, kw_only=True):
    """An activity of a person, from its start to its end."""

    kind: Annotated[
        HistoryKind,
        Meta(description="The type of the activity; `other` for a kind that is not known yet."),
    ]
    name: Annotated[str | None, Meta(description="The game or application; the player of a song.")]
    details: Annotated[str | None, Meta(description="The second line; the title of a song.")]
    state: Annotated[str | None, Meta(description="The third line; the artist of a song.")]
    image: Annotated[Url | None, Meta(description="The picture that was shown last.")]
    started_at: Annotated[Milliseconds, Meta(description="Milliseconds since 1970.")]
    ended_at: Annotated[
        Milliseconds | None, Meta(description="null while the activity is still shown.")
    ]


class LastPlayed(Listening, frozen=True, kw_only=True):
    """A song that has ended."""

    ended_at: Annotated[Milliseconds, Meta(description="Milliseconds since 1970.")]


class History(Struct, frozen=True, kw_only=True):
    """What may be shown of a person's history."""

    level: HistoryLevel = "off"
    last_seen: int | None = None  # when they became invisible, in ms; None: not known, or visible
    recent: tuple[HistoryEntry, ...] = ()  # the newest first
    last_played: LastPlayed | None = None


class ActivitySession(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An activity as it is stored: an entry, and what tells whether another one continues it."""

    kind: HistoryKind
    name: str | None = None
    application_id: str | None = None
    details: str | None = None
    state: str | None = None
    image: str | None = None
    start: int | None = None  # `timestamps.start` as the application reports it, in ms
    created_at: int | None = None  # as Discord reports it, in ms
    started_at: int
    ended_at: int | None = None  # None: it is still running
    heard: Listening | None = None  # the song
    is_spotify: bool = False

    def entry(self) -> HistoryEntry:
        """The public part."""
        return HistoryEntry(
            kind=self.kind,
            name=self.name,
            details=self.details,
            state=self.state,
            image=self.image,
            started_at=self.started_at,
            ended_at=self.ended_at,
        )


class KeptSong(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What pictures are told of a person who keeps a history: readers of presences need no more.

    `song` is None where there is nothing to show: no song has ended, or they hide it.
    """

    song: LastPlayed | None = None
    is_spotify: bool = False
    until: int = 0  # ms: then it is older than HISTORY_DAYS


class Seen(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whether a person is seen, as it is stored."""

    at: int  # ms; until then, what is stored was right
    version_ms: int = 0  # of the snapshot that it was made of; 0: not known
    is_online: bool = False  # shown, and not invisible
    last_seen: int | None = None  # ms; None while they are online, and while it is not known


def is_shown(session: ActivitySession, settings: UserSettings) -> bool:
    """Whether these settings allow that the session is kept and shown."""
    if session.application_id is not None and session.application_id in settings.hide_applications:
        return False
    if session.kind == "listening" and "listening" in settings.hide:
        return False
    return ("spotify" if session.is_spotify else "activities") not in settings.hide


def shown(
    settings: UserSettings, seen: Seen | None, sessions: list[ActivitySession], now_ms: int
) -> History:
    """What is shown. `sessions`: the newest first, at most HISTORY_MAX_ENTRIES of them are."""
    is_hidden = not settings.visible or settings.paused_until > now_ms
    if settings.history == "off" or is_hidden:
        return History()
    last_seen = None if seen is None or "status" in settings.hide else seen.last_seen
    if settings.history == "last_seen":
        return History(level="last_seen", last_seen=last_seen)
    allowed = [one for one in sessions if is_shown(one, settings)][:HISTORY_MAX_ENTRIES]
    return History(
        level="recent",
        last_seen=last_seen,
        recent=tuple(one.entry() for one in allowed),
        last_played=last_played(newest_song(allowed)),
    )


def newest_song(sessions: Iterable[ActivitySession]) -> ActivitySession | None:
    """The first of them that is a song, and over. `sessions`: the newest first."""
    return next((one for one in sessions if one.heard and one.ended_at is not None), None)


def last_played(session: ActivitySession | None) -> LastPlayed | None:
    """As it is shown."""
    if session is None or session.heard is None or session.ended_at is None:
        return None
    heard = session.heard
    return LastPlayed(
        app=heard.app,
        application_id=heard.application_id,
        song=heard.song,
        artist=heard.artist,
        album=heard.album,
        album_image=heard.album_image,
        link=heard.link,
        timestamps=heard.timestamps,
        created_at=heard.created_at,
        ended_at=session.ended_at,
    )
