"""What a person listens to, from the activity of any player. Pure, and total.

Discord's docs name no fields for music. By convention, a player sends the song as the details, the
artist as the state, and the album as the text of the large image.
"""

from __future__ import annotations

from services.gateway.normalize import assets
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
    """`timestamps`: those of the activity."""
    application_id = activity.get("application_id")
    art: Json = activity.get("assets") or {}
    return Listening(
        app=activity.get("name") or None,
        application_id=application_id,
        song=activity.get("details") or None,
        artist=activity.get("state") or None,
        album=art.get("large_text") or None,
        album_image=assets.image(art.get("large_image"), application_id, cdn),
        link=assets.link(activity.get("details_url")),
        timestamps=timestamps,
        created_at=activity.get("created_at"),
    )
