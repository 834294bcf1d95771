"""What music players put into the fields of an activity, where that is not the convention.

Discord's docs name no fields for music. By convention a player sends the song as the details, the
artist as the state, and the album as the text of the large image; what follows is only where the
source of a well-known player shows something else. Players of other applications follow the
convention here.

Any player: Discord wants two characters, so short texts are padded, with spaces (foobar2000,
Feishin, tidal-hifi), U+3164 (YouTube Music) or invisible joiners (Jellyfin-RPC). "by" in front of
the artist is the default of foobar2000, Cider and PlexampRPC, and an option of Music Presence, as
is "on" in front of the album.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct

from services.gateway.normalize.sanitize import Json

_PADDING: Final = " \t\n\u00a0\u3164\u200b\u200c\u200d"
_BY: Final = "by "
_ON: Final = "on "


class Song(Struct, frozen=True):
    """What an activity says of the music."""

    app: str | None
    song: str | None
    artist: str | None
    album: str | None


def _never(_: Json) -> bool:
    return False


def _without_artist(activity: Json) -> bool:
    return not tidy(activity.get("state"))


def _without_end(activity: Json) -> bool:
    times: Json = activity.get("timestamps") or {}
    return "start" in times and "end" not in times


class Player(Struct, frozen=True, kw_only=True):
    """How one application differs."""

    app: str | None = None  # its name; shown where the activity is named after artist or song
    song_prefix: str = ""
    artist_prefix: str = ""
    album_prefix: str = ""
    placeholders: tuple[str, ...] = ()  # instead of an artist or an album
    caption: str | None = None  # how an image text begins that is not an album
    may_name_song: bool = False  # the activity may be named after the song, with the artist below
    is_idle: Callable[[Json], bool] = _never  # the activity shows no music


_CONVENTION: Final = Player()

PLAYERS: Final[Mapping[str, Player]] = {
    # foo_discord_rich, fb2k/config.cpp: "[by %album artist%]", "[on %album%]"
    "507982587416018945": Player(app="foobar2000", album_prefix=_ON),
    # th-ch/youtube-music, plugins/discord: the image text of a paused song
    "1177081335727267940": Player(app="YouTube Music", placeholders=("⏸", "⏸\ufe0e", "⏸\ufe0f")),
    # discord-rich-presence-plex, server/config/default.go: the name is the artist
    "413407336082833418": Player(app="Plex"),
    # jellyfin-rpc: "By" in front of the artists; an image text with its version
    "1053747938519679018": Player(app="Jellyfin", artist_prefix="By ", caption="Jellyfin-RPC v"),
    # feishin, use-discord-rpc.ts
    "1165957668758900787": Player(app="Feishin", placeholders=("Unknown artist", "Unknown album")),
    # tidal-hifi, scripts/discord.ts: its default prefix; "Browsing Tidal" while nothing plays
    "833617820704440341": Player(
        app="TIDAL Hi-Fi",
        song_prefix="Listening to ",
        placeholders=("unknown artist(s)",),
        caption="TIDAL Hi-Fi ",
        is_idle=_without_artist,
    ),
    # PreMiD, websites/D/Deezer: the name is the artist; pages are shown without a state
    "607651992567021580": Player(app="Deezer", is_idle=_without_artist),
    # PreMiD, websites/A/Apple Music: the name may be the artist
    "842112189618978897": Player(app="Apple Music"),
    # PreMiD, websites/S/SoundCloud: pages are shown with a start and no end
    "802958833214423081": Player(app="SoundCloud", may_name_song=True, is_idle=_without_end),
}
"""By application id."""


def shows_music(activity: Json) -> bool:
    """Whether an activity of type 2 shows music. Some players say so of their pages, too."""
    return not _player(activity).is_idle(activity)


def song_of(activity: Json) -> Song:
    """`activity`: of type 2, from sanitize.py."""
    player = _player(activity)
    name, song, artist = (tidy(activity.get(key)) for key in ("name", "details", "state"))
    album = tidy((activity.get("assets") or {}).get("large_text"))
    if player.may_name_song and song and not artist and name != player.app:
        name, song, artist = player.app, name, song
    if artist and artist.startswith(_BY):
        artist = artist.removeprefix(_BY)
        album = album and album.removeprefix(_ON)
    song = song and song.removeprefix(player.song_prefix)
    artist = _known(artist and artist.removeprefix(player.artist_prefix), player)
    album = _known(album and album.removeprefix(player.album_prefix), player)
    if player.caption and album and album.startswith(player.caption):
        album = None
    app = player.app if player.app and name in (None, song, artist) else name
    return Song(app, tidy(song), artist, album)


def tidy(text: str | None) -> str | None:
    """Without padding; None if nothing else is left."""
    return (text or "").strip(_PADDING) or None


def _known(text: str | None, player: Player) -> str | None:
    text = tidy(text)
    return None if text in player.placeholders else text


def _player(activity: Json) -> Player:
    return PLAYERS.get(activity.get("application_id", ""), _CONVENTION)
