"""Songs in players other than Spotify, each as its Discord integration sends them.

Sources, by player: foo_discord_rich (fb2k/config.cpp), apple-music-discord-rpc (music-rpc.ts),
YouTube Music's desktop app (plugins/discord), tidal-hifi (scripts/discord.ts), PreMiD's activities
(websites/D/Deezer), discord-rich-presence-plex (server/config/default.go).
"""

from typing import Final, NamedTuple

from simulator.catalogue import Song
from simulator.model import Json

_ART: Final = "mp:external/rqJdUc_gEj_38ku0G14If-M0XfkyY0CSaGfaWRAydOU/https/covers.example.net/"


class MusicPlayer(NamedTuple):
    """How a player fills the fields of an activity: templates with song, artist and album."""

    application_id: str
    name: str = "{artist}"
    details: str = "{song}"
    state: str = "{artist}"
    large_text: str | None = "{album}"
    links_song: bool = False


PLAYERS: Final = (
    MusicPlayer("773825528921849856", "Apple Music"),
    MusicPlayer("1177081335727267940", "YouTube Music", links_song=True),
    MusicPlayer("833617820704440341", "TIDAL Hi-Fi", details="Listening to {song}"),
    MusicPlayer("607651992567021580", large_text=None),  # Deezer
    MusicPlayer("507982587416018945", "foobar2000", state="by {artist}", large_text="on {album}"),
    MusicPlayer("413407336082833418", large_text="{album} (2019)"),  # Plex
)
_SPOTIFY_USERS: Final = 2  # of three people who listen, so many use Spotify


def player_of(user_id: str) -> MusicPlayer | None:
    """The player of a person, always the same one; None: Spotify."""
    number = int(user_id) >> 22
    if number % 3 < _SPOTIFY_USERS:
        return None
    return PLAYERS[number // 3 % len(PLAYERS)]


def activity(player: MusicPlayer, song: Song, start_ms: int) -> Json:
    """Somebody has been listening to ``song`` since ``start_ms``."""
    words = {"song": song.title, "artist": ", ".join(song.artists), "album": song.album}
    assets = {"large_image": f"{_ART}{song.cover}.jpg"}
    if player.large_text is not None:
        assets["large_text"] = player.large_text.format(**words)
    found: Json = {
        "id": f"{start_ms % 2**64:016x}",
        "name": player.name.format(**words),
        "type": 2,
        "created_at": start_ms,
        "application_id": player.application_id,
        "details": player.details.format(**words),
        "state": player.state.format(**words),
        "assets": assets,
        "timestamps": {"start": start_ms, "end": start_ms + song.seconds * 1000},
    }
    if player.links_song:
        found["details_url"] = f"https://music.youtube.com/watch?v={song.track_id[:11]}"
    return found
