"""Presences, as short as the tests of histories need them."""

from __future__ import annotations

from msgspec import UNSET

from shared.model.snapshot import (
    Activity,
    ActivityType,
    Listening,
    Presence,
    Spotify,
    Status,
    Timestamps,
)

CHESS, CODE, PLAYER = "111111111111111111", "222222222222222222", "333333333333333333"
NOW = 1_796_000_000_000


def game(
    name: str = "Chess",
    *,
    start: int | None = None,
    created_at: int | None = None,
    details: str | None = None,
    application_id: str | None = CHESS,
    kind: ActivityType | None = "Playing",
) -> Activity:
    return Activity(
        type=kind,
        name=name,
        state=None,
        details=details,
        largeText=None,
        largeImage="https://cdn.discordapp.com/a.png",
        smallText=None,
        smallImage=None,
        timestamps=Timestamps(start=UNSET if start is None else start),
        created_at=created_at,
        application_id=application_id,
        url=None,
        buttons=[],
        party=None,
    )


def song(title: str, *, start: int | None = None, app: str = "Spotify") -> Listening:
    return Listening(
        app=app,
        application_id=None if app == "Spotify" else PLAYER,
        song=title,
        artist="JBEE",
        album=None,
        album_image="https://i.scdn.co/image/x",
        link=None,
        timestamps=Timestamps(start=UNSET if start is None else start),
        created_at=start,
    )


def presence(
    *activities: Activity, status: Status = "online", heard: Listening | None = None
) -> Presence:
    spotify = None
    if heard is not None and heard.app == "Spotify":
        spotify = Spotify(
            song=heard.song,
            artist=heard.artist,
            album=None,
            album_image=heard.album_image,
            link=None,
            timestamps=heard.timestamps,
            created_at=heard.created_at,
            track_id=None,
        )
    return Presence(
        status=status,
        spotify=spotify,
        activity=list(activities),
        custom_status=None,
        listening=heard,
    )
