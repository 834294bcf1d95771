"""What a person listens to, from the activity of any player. Pure, and total."""

from __future__ import annotations

from services.gateway.normalize import assets, music_players
from services.gateway.normalize.sanitize import Json
from shared.discord.cdn import Cdn
from shared.model.snapshot import Listening, Spotify, Timestamps


def of_spotify(spotify: Spotify, activity: Json) -> Listening:
    """`activity`: the one that `spotify` is made of."""
    return Listening(
        app=activity.get("name") or spotify.name,
        application_id=activity.get("application_id"),
        song=spotify.song,
        artist=spotify.artist,
        album=spotify.album,
        album_image=spotify.album_image,
        link=spotify.link,
        timestamps=spotify.timestamps,
        created_at=spotify.created_at,
    )


def of_player(activity: Json, timestamps: Timestamps, cdn: Cdn) -> Listening:
    """`activity`: of type 2. `timestamps`: those of the activity."""
    application_id = activity.get("application_id")
    large_image = (activity.get("assets") or {}).get("large_image")
    heard = music_players.song_of(activity)
    return Listening(
        app=heard.app,
        application_id=application_id,
        song=heard.song,
        artist=heard.artist,
        album=heard.album,
        album_image=assets.image(large_image, application_id, cdn),
        link=assets.link(activity.get("details_url")),
        timestamps=timestamps,
        created_at=activity.get("created_at"),
    )
