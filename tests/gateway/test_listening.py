"""`listening` of each player, as its Discord integration sends the song.

The activities are made after the sources that services/gateway/normalize/music_players.py names.

Long because it has the samples of each player.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.normalize import music_players
from simulator import catalogue
from simulator import music_players as simulated
from tests.documents import ROOT
from tests.gateway.rendering import render

COVER = "mp:external/rqJdUc_gEj_38ku0G14If/https/cdn.example.net/cover.jpg"
COVER_URL = (
    "https://media.discordapp.net/external/rqJdUc_gEj_38ku0G14If/https/cdn.example.net/cover.jpg"
)
TIMES = {"start": 1784053199000, "end": 1784053400000}


def playing(
    name: str,
    application_id: str,
    details: str | None,
    state: str | None,
    large_text: str | None = None,
    **more: Any,
) -> dict[str, Any]:
    activity = {
        "id": "ec0b28a579ecb4bd",
        "type": 2,
        "name": name,
        "application_id": application_id,
        "details": details,
        "state": state,
        "assets": {"large_image": COVER, "large_text": large_text},
        "timestamps": TIMES,
        "created_at": 1784053200000,
        **more,
    }
    return {key: value for key, value in activity.items() if value is not None}


def shown(*activities: dict[str, Any]) -> dict[str, Any]:
    """The presence, as the API shows it."""
    event = {"user": {"id": "1"}, "status": "online", "activities": list(activities)}
    presence: dict[str, Any] = render(event)["presence"]
    return presence


FOOBAR, YOUTUBE_MUSIC, PLEX = "507982587416018945", "1177081335727267940", "413407336082833418"
JELLYFIN, FEISHIN, TIDAL = "1053747938519679018", "1165957668758900787", "833617820704440341"
DEEZER, APPLE_IN_BROWSER, SOUNDCLOUD = (
    "607651992567021580",
    "842112189618978897",
    "802958833214423081",
)
APPLE, PLEXAMP, CIDER = "773825528921849856", "1100233636491563069", "911790844204437504"
MUSIC_PRESENCE, PREMID_YOUTUBE = "1000000000000000001", "463151177836658699"

CASES: dict[str, tuple[dict[str, Any], tuple[str | None, ...]]] = {
    "Apple Music on a Mac": (
        playing("Apple Music", APPLE, "Harvest Moon", "Some Band", "An Album"),
        ("Apple Music", "Harvest Moon", "Some Band", "An Album"),
    ),
    "Apple Music on a Mac, a song of one letter": (
        playing("Apple Music", APPLE, "U ", "V ", "W "),
        ("Apple Music", "U", "V", "W"),
    ),
    "Apple Music in a browser": (
        playing("Apple Music", APPLE_IN_BROWSER, "Harvest Moon", "Some Band"),
        ("Apple Music", "Harvest Moon", "Some Band", None),
    ),
    "Apple Music in a browser, the artist in the name": (
        playing("Some Band", APPLE_IN_BROWSER, "Harvest Moon", "Some Band"),
        ("Apple Music", "Harvest Moon", "Some Band", None),
    ),
    "Cider": (
        playing("Cider", CIDER, "Harvest Moon", "by Some Band", "An Album"),
        ("Cider", "Harvest Moon", "Some Band", "An Album"),
    ),
    "TIDAL Hi-Fi": (
        playing("TIDAL Hi-Fi", TIDAL, "Listening to Harvest Moon", "Some Band", "An Album"),
        ("TIDAL Hi-Fi", "Harvest Moon", "Some Band", "An Album"),
    ),
    "TIDAL Hi-Fi without a cover": (
        playing("TIDAL Hi-Fi", TIDAL, "Harvest Moon", "unknown artist(s)", "TIDAL Hi-Fi 5.19.0"),
        ("TIDAL Hi-Fi", "Harvest Moon", None, None),
    ),
    "YouTube Music": (
        playing("YouTube Music", YOUTUBE_MUSIC, "Harvest Moon", "Some Band", "An Album"),
        ("YouTube Music", "Harvest Moon", "Some Band", "An Album"),
    ),
    "YouTube Music, paused, with a short title": (
        playing("YouTube Music", YOUTUBE_MUSIC, "U\u3164", "비\u3164", "⏸\ufe0e", timestamps=None),
        ("YouTube Music", "U", "비", None),
    ),
    "YouTube Music in a browser": (
        playing("YouTube Music", PREMID_YOUTUBE, "Harvest Moon", "Some Band", "An Album"),
        ("YouTube Music", "Harvest Moon", "Some Band", "An Album"),
    ),
    "Deezer in a browser": (
        playing("Some Band", DEEZER, "Harvest Moon", "Some Band feat. Other"),
        ("Some Band", "Harvest Moon", "Some Band feat. Other", None),
    ),
    "Deezer in a browser, one artist": (
        playing("Some Band", DEEZER, "Harvest Moon", "Some Band"),
        ("Deezer", "Harvest Moon", "Some Band", None),
    ),
    "SoundCloud in a browser": (
        playing("SoundCloud", SOUNDCLOUD, "Harvest Moon", "someband"),
        ("SoundCloud", "Harvest Moon", "someband", None),
    ),
    "SoundCloud in a browser, the song in the name": (
        playing("Harvest Moon", SOUNDCLOUD, "someband", None),
        ("SoundCloud", "Harvest Moon", "someband", None),
    ),
    "foobar2000": (
        playing("foobar2000", FOOBAR, "Harvest Moon", "by Some Band", "on An Album"),
        ("foobar2000", "Harvest Moon", "Some Band", "An Album"),
    ),
    "foobar2000 without an artist": (
        playing("foobar2000", FOOBAR, "Harvest Moon", None, "on An Album"),
        ("foobar2000", "Harvest Moon", None, "An Album"),
    ),
    "Plex": (
        playing("Some Band", PLEX, "Harvest Moon", "Some Band", "An Album (1992)"),
        ("Plex", "Harvest Moon", "Some Band", "An Album (1992)"),
    ),
    "Plexamp": (
        playing("Plexamp", PLEXAMP, "Harvest Moon", "by Some Band", "An Album (1992)  "),
        ("Plexamp", "Harvest Moon", "Some Band", "An Album (1992)"),
    ),
    "Jellyfin": (
        playing("Jellyfin", JELLYFIN, "Harvest Moon", "By Some Band", "Jellyfin-RPC v1.2.2"),
        ("Jellyfin", "Harvest Moon", "Some Band", None),
    ),
    "Feishin": (
        playing("Feishin", FEISHIN, "Harvest Moon", "Unknown artist", "Unknown album"),
        ("Feishin", "Harvest Moon", None, None),
    ),
    "Music Presence": (
        playing("MusicBee", MUSIC_PRESENCE, "Harvest Moon", "Some Band, Other", "An Album"),
        ("MusicBee", "Harvest Moon", "Some Band, Other", "An Album"),
    ),
    "Music Presence with prefixes": (
        playing("MusicBee", MUSIC_PRESENCE, "Harvest Moon", "by Some Band", "on An Album"),
        ("MusicBee", "Harvest Moon", "Some Band", "An Album"),
    ),
    "an album that begins with On": (
        playing("MusicBee", MUSIC_PRESENCE, "Harvest Moon", "Some Band", "on the Beach"),
        ("MusicBee", "Harvest Moon", "Some Band", "on the Beach"),
    ),
    "an artist that begins with By": (
        playing("MusicBee", MUSIC_PRESENCE, "Harvest Moon", "By the Sea", "An Album"),
        ("MusicBee", "Harvest Moon", "By the Sea", "An Album"),
    ),
    "a player with an album and nothing else": (
        playing("Player", "1", None, None, "An Album"),
        ("Player", None, None, "An Album"),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_song_of_each_player(case: str) -> None:
    """App, song, artist and album; everything else is taken over from the activity."""
    activity, expected = CASES[case]
    presence = shown(activity)
    heard = presence["listening"]
    assert (heard["app"], heard["song"], heard["artist"], heard["album"]) == expected
    assert heard["application_id"] == activity["application_id"]
    assert heard["album_image"] == COVER_URL
    assert heard["timestamps"] == activity.get("timestamps", {})
    assert heard["created_at"] == 1784053200000
    assert len(presence["activity"]) == 1
    assert presence["activity"][0]["state"] == activity.get("state")  # as the player sends it


@pytest.mark.parametrize("player", simulated.PLAYERS, ids=lambda player: player.application_id)
def test_the_songs_of_simulated_people(player: simulated.MusicPlayer) -> None:
    """The simulator's players are understood, too."""
    song = catalogue.SONGS[3]
    heard = shown(simulated.activity(player, song, 1784053200000))["listening"]
    assert (heard["song"], heard["artist"]) == (song.title, ", ".join(song.artists))
    assert (
        heard["app"]
        == music_players.PLAYERS.get(
            player.application_id, music_players.Player(app=player.name)
        ).app
    )


SONG = playing("MusicBee", MUSIC_PRESENCE, "Harvest Moon", "Some Band")
SPOTIFY = {
    "id": "spotify:1",
    "type": 2,
    "name": "Spotify",
    "details": "90mph",
    "state": "JBEE; Sillage",
    "sync_id": "6uT2TsDrCrXue7ROEfNeGN",
    "assets": {"large_image": "spotify:ab67616d0000b273", "large_text": "90mph"},
    "timestamps": TIMES,
    "created_at": 1784053200000,
}


def test_spotify_comes_first_wherever_it_is() -> None:
    """Its artists and its link are as in `spotify`."""
    for order in ((SONG, SPOTIFY), (SPOTIFY, SONG)):
        presence = shown(*order)
        assert presence["listening"] == {
            "app": "Spotify",
            "application_id": None,
            "song": "90mph",
            "artist": "JBEE, Sillage",
            "album": "90mph",
            "album_image": "https://i.scdn.co/image/ab67616d0000b273",
            "link": "https://open.spotify.com/track/6uT2TsDrCrXue7ROEfNeGN",
            "timestamps": TIMES,
            "created_at": 1784053200000,
        }
        assert [one["name"] for one in presence["activity"]] == ["MusicBee"]


def test_the_first_player_in_discords_order() -> None:
    """Games and shows are no music, whatever they are called."""
    game = {**playing("Spotify", "1", "Menu", "Alone"), "type": 0}
    show = {**playing("Plex", PLEX, "A Film", None), "type": 3}
    other = playing("Cider", CIDER, "Second", "Some Band")
    assert shown(game, show, SONG, other)["listening"]["song"] == "Harvest Moon"
    assert shown(game, show, other, SONG)["listening"]["song"] == "Second"
    assert shown(game, show)["listening"] is None
    assert shown()["listening"] is None


@pytest.mark.parametrize(
    "idle",
    [
        playing("TIDAL Hi-Fi", TIDAL, "Browsing Tidal", None, "TIDAL Hi-Fi 5.19.0"),
        playing("Deezer", DEEZER, "Browsing user's playlists", None, timestamps=None),
        playing("SoundCloud", SOUNDCLOUD, "Browsing...", "Home", timestamps={"start": 1}),
    ],
    ids=lambda activity: activity["name"],
)
def test_a_page_of_a_player_is_no_song(idle: dict[str, Any]) -> None:
    """It is an activity all the same, and another player's song is found after it."""
    presence = shown(idle)
    assert presence["listening"] is None
    assert len(presence["activity"]) == 1
    assert shown(idle, SONG)["listening"]["song"] == "Harvest Moon"


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("https://music.youtube.com/watch?v=Eq1z-_0", "https://music.youtube.com/watch?v=Eq1z-_0"),
        ("http://example.org/", "http://example.org/"),
        ("javascript:alert(1)", None),
        ("data:text/html,<script>", None),
        ("https://user:pass@example.org/", None),
        ('https://example.org/"onload="x', None),
        (None, None),
    ],
)
def test_the_link_is_a_web_address(url: str | None, link: str | None) -> None:
    """The player chooses it, so anything else is left out."""
    presence = shown(playing("Player", "1", "Song", "Artist", details_url=url))
    assert presence["listening"]["link"] == link


def test_the_key_is_the_last_one() -> None:
    """Keys are only added at the end."""
    keys = ["status", "spotify", "activity", "custom_status", "listening"]
    assert list(shown(SONG)) == list(shown()) == keys
    fields = ["app", "application_id", "song", "artist", "album", "album_image", "link"]
    assert list(shown(SONG)["listening"]) == [*fields, "timestamps", "created_at"]


texts = st.none() | st.text(max_size=8) | st.sampled_from(["by ", "on ", "by", "⏸\ufe0e", "\u3164"])


@given(
    st.fixed_dictionaries(
        {"application_id": st.sampled_from([*music_players.PLAYERS, "1"])},
        optional={
            "name": texts,
            "details": texts,
            "state": texts,
            "assets": st.fixed_dictionaries({}, optional={"large_text": texts}),
            "timestamps": st.dictionaries(st.sampled_from(["start", "end"]), st.integers()),
        },
    )
)
def test_no_text_is_empty_or_padded(activity: dict[str, Any]) -> None:
    """Whatever a player sends; what is not known is null."""
    found = music_players.song_of(activity)
    for text in (found.app, found.song, found.artist, found.album):
        assert text is None or (text == music_players.tidy(text))
    assert music_players.shows_music(activity) in (True, False)


def test_every_known_player_is_documented() -> None:
    """docs/now-playing.md says what is made of each."""
    documented = (ROOT / "docs/now-playing.md").read_text().partition("## Players")[2]
    for player in music_players.PLAYERS.values():
        assert player.app
        assert player.app in documented
