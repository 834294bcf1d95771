"""A user as Lanyard's API shows them, from the objects that the gateway saves.

The shape is Lanyard's, quirks included: its clients rely on it (docs/lanyard.md). Discord's objects
are passed on as they are; only what Lanyard derives from them is computed here.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from shared.model.snapshot import Milliseconds, Url

NO_KV: Final = b"{}"

_SPOTIFY_ACTIVITY_ID: Final = "spotify:1"
_SPOTIFY_IMAGES: Final = "https://i.scdn.co/image/"

_Json = dict[str, Any]


class LanyardTimestamps(Struct, frozen=True):
    """When the song began and when it ends; an end that is not known is left out."""

    start: Milliseconds | UnsetType = UNSET
    end: Milliseconds | UnsetType = UNSET


class LanyardSpotify(Struct, frozen=True, kw_only=True):
    """The song of Discord's own Spotify link."""

    track_id: Annotated[str | None, Meta(description="null for a local file.")]
    song: Annotated[str | None, Meta(description="The track's title.")]
    artist: Annotated[str | None, Meta(description="Several are joined with `; `.")]
    album: Annotated[str | None, Meta(description="The album's title.")]
    album_art_url: Annotated[Url | None, Meta(description="The cover.")]
    timestamps: Annotated[
        LanyardTimestamps | None, Meta(description="null if Discord shows neither end.")
    ]


class LanyardPresence(Struct, frozen=True, kw_only=True):
    """A user in Lanyard's form."""

    discord_user: Annotated[_Json, Meta(description="Discord's user object.")]
    discord_status: Annotated[str, Meta(description="`online`, `idle`, `dnd` or `offline`.")]
    active_on_discord_web: Annotated[bool, Meta(description="In a browser.")]
    active_on_discord_desktop: Annotated[
        bool, Meta(description="Whether Discord runs on a computer.")
    ]
    active_on_discord_mobile: Annotated[bool, Meta(description="On a phone.")]
    active_on_discord_embedded: Annotated[
        bool, Meta(description="Whether Discord runs on a console.")
    ]
    active_on_discord_vr: Annotated[
        bool, Meta(description="Whether Discord runs in virtual reality.")
    ]
    listening_to_spotify: Annotated[
        bool, Meta(description="Whether Discord's own Spotify link reports a song.")
    ]
    spotify: Annotated[
        LanyardSpotify | None, Meta(description="null exactly if `listening_to_spotify` is false.")
    ]
    activities: Annotated[
        list[_Json], Meta(description="Discord's activities, in Discord's order.")
    ]
    kv: Annotated[dict[str, str] | Raw, Meta(description="The user's key-value store.")]


class _SavedObjects(Struct, frozen=True):
    """shared.redis.store.Fields.discord, decoded."""

    user: _Json
    status: str
    client_status: _Json
    activities: list[_Json]


_decode: Final = msgspec.json.Decoder(_SavedObjects).decode


def presence(discord: bytes, kv: bytes = NO_KV) -> bytes | None:
    """A LanyardPresence, as JSON. None when no gateway can have written `discord`.

    `discord`: shared.redis.store.Fields.discord. `kv`: a JSON object of strings.
    """
    try:
        objects = _decode(discord)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    user, clients = objects.user, objects.client_status
    if not isinstance(user.get("id"), str):
        return None
    song = next((one for one in objects.activities if one.get("id") == _SPOTIFY_ACTIVITY_ID), None)
    return msgspec.json.encode(
        LanyardPresence(
            # The gateway drops Discord's undocumented `display_name`. It equals `global_name`.
            discord_user={**user, "display_name": user.get("global_name")},
            discord_status=objects.status,
            active_on_discord_web="web" in clients,
            active_on_discord_desktop="desktop" in clients,
            active_on_discord_mobile="mobile" in clients,
            active_on_discord_embedded="embedded" in clients,
            active_on_discord_vr="vr" in clients,
            listening_to_spotify=song is not None,
            spotify=None if song is None else _spotify(song),
            activities=objects.activities,
            kv=Raw(kv),
        )
    )


def departed(presence: bytes) -> bytes:
    """What clients are told last of a user who is not monitored any more: offline, doing nothing.

    `presence`: what they were shown, as `presence` gave it.
    """
    shown: _Json = msgspec.json.decode(presence)
    return msgspec.json.encode(
        LanyardPresence(
            discord_user=shown["discord_user"],
            discord_status="offline",
            active_on_discord_web=False,
            active_on_discord_desktop=False,
            active_on_discord_mobile=False,
            active_on_discord_embedded=False,
            active_on_discord_vr=False,
            listening_to_spotify=False,
            spotify=None,
            activities=[],
            kv={},
        )
    )


def _spotify(activity: _Json) -> LanyardSpotify:
    assets = activity.get("assets")
    assets = assets if isinstance(assets, dict) else {}
    timestamps = activity.get("timestamps")
    return LanyardSpotify(
        track_id=_text(activity.get("sync_id")),
        song=_text(activity.get("details")),
        artist=_text(activity.get("state")),
        album=_text(assets.get("large_text")),
        album_art_url=_album_art(assets.get("large_image")),
        timestamps=_timestamps(timestamps) if isinstance(timestamps, dict) else None,
    )


def _album_art(image: Any) -> str | None:
    """Lanyard does not look at the prefix, only at the number of colons."""
    parts = image.split(":") if isinstance(image, str) else []
    return _SPOTIFY_IMAGES + parts[1] if len(parts) == 2 else None


def _timestamps(raw: _Json) -> LanyardTimestamps:
    start, end = raw.get("start"), raw.get("end")
    return LanyardTimestamps(
        start if isinstance(start, int) else UNSET, end if isinstance(end, int) else UNSET
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
