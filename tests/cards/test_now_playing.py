"""Pictures of /now-playing: what they show, and how they are served."""

from __future__ import annotations

import io
import re

import msgspec
import pytest
from PIL import Image

from services.cards import card_model, now_playing
from services.cards.card_options import CardOptions, Theme
from services.cards.render.now_playing import now_playing as drawn
from services.cards.render_jobs import DrawNowPlaying
from shared.model.history import KeptSong
from shared.model.snapshot import Presence
from shared.redis.store import Store
from tests.api.http_client import ask
from tests.cards.card_requests import USER, save, title_of
from tests.cards.cards_fixture import serving_cards
from tests.cards.sample_users import (
    AT_WORK,
    AUDIBERT,
    EDITOR,
    IMAGES,
    KEPT,
    LISTENING,
    NOTHING,
    NOW,
    ON_TIDAL,
    TIDAL_SONG,
    like,
)
from tests.cards.test_contrast import check
from tests.cards.test_svg_safety import check_svg

STRANGER = "161092844126208999"
TIDAL = TIDAL_SONG.application_id


def panel_of(
    presence: Presence, options: CardOptions | None = None, kept: KeptSong | None = None
) -> card_model.Panel:
    model, _ = now_playing.build(AUDIBERT, presence, options or CardOptions(), kept, NOW)
    return model.panel


def test_the_song_of_any_player() -> None:
    """App, song, artist, album and times, whatever else the person does."""
    for presence in (ON_TIDAL, like(ON_TIDAL, activity=[EDITOR, *ON_TIDAL.activity])):
        panel = panel_of(presence)
        assert panel.heading == "Listening to TIDAL"
        assert panel.title == "Harvest Moon"
        assert panel.lines == ("The Quiet Motors, Ola Fenn", "Polar Season")
        assert (panel.start, panel.end) == (NOW - 83_000, NOW + 173_000)
        assert not panel.spotify


def test_spotify_has_its_colors() -> None:
    panel = panel_of(LISTENING)
    assert panel.heading == "Listening to Spotify"
    assert panel.spotify


@pytest.mark.parametrize(
    ("presence", "options"),
    [
        (NOTHING, CardOptions()),
        (AT_WORK, CardOptions()),
        (LISTENING, CardOptions(hide_spotify=True)),
        (ON_TIDAL, CardOptions(hide_activity="true")),
        (ON_TIDAL, CardOptions(ignored=frozenset({str(TIDAL)}))),
        (like(LISTENING, listening=None), CardOptions()),
    ],
)
def test_silence(presence: Presence, options: CardOptions) -> None:
    """Nothing plays, or what plays is hidden: by a parameter, or by the person."""
    panel = panel_of(presence, options)
    assert (panel.title, panel.lines, panel.timed) == ("Nothing is playing", (), False)
    said = panel_of(presence, like(options, idle_message="zzz", lang="de"))
    assert said.title == "zzz"
    assert panel_of(presence, like(options, lang="de")).title == "Gerade läuft nichts"


def test_parameters_that_hide_others() -> None:
    """Spotify is hidden by its own parameter, and an application by its id."""
    other = CardOptions(hide_spotify=True, ignored=frozenset({"1"}))
    assert panel_of(ON_TIDAL, other).title == "Harvest Moon"
    assert panel_of(ON_TIDAL, CardOptions(hide_timestamp=True)).timed is False


def test_what_a_player_does_not_report() -> None:
    """The album, else the player stands for the song; a local file has no name."""
    for changes, title in (
        ({"song": None}, "Polar Season"),
        ({"song": None, "album": None}, "TIDAL"),
        ({"song": "Polar Season"}, "Polar Season"),
    ):
        panel = panel_of(like(ON_TIDAL, listening=like(TIDAL_SONG, **changes)))
        assert panel.title == title
        assert title not in panel.lines
    local = like(LISTENING, listening=like(LISTENING.listening, song=None))
    assert panel_of(local).title == "A local file"


def test_the_last_song_stands_in_for_silence() -> None:
    """Of people who keep a history. It is over: no clock runs."""
    panel = panel_of(NOTHING, kept=KEPT)
    assert panel.heading == "Last played on TIDAL"
    assert (panel.title, panel.lines) == (
        "Harvest Moon",
        ("The Quiet Motors, Ola Fenn", "Polar Season"),
    )
    assert not panel.timed
    assert not panel.spotify
    assert panel_of(LISTENING, kept=KEPT).heading == "Listening to Spotify"
    assert panel_of(AT_WORK, CardOptions(lang="fr"), KEPT).heading == "Dernière écoute sur TIDAL"
    no_app = like(KEPT, song=like(KEPT.song, app=None))
    assert panel_of(NOTHING, kept=no_app).heading == "Last played"
    assert panel_of(NOTHING, kept=like(KEPT, is_spotify=True)).spotify
    _, images = now_playing.build(AUDIBERT, NOTHING, CardOptions(), KEPT, NOW)
    assert [one.url for one in images] == [TIDAL_SONG.album_image]


@pytest.mark.parametrize(
    ("kept", "options"),
    [
        (KeptSong(), CardOptions()),
        (like(KEPT, until=NOW), CardOptions()),
        (KEPT, CardOptions(hide_activity="true")),
        (KEPT, CardOptions(ignored=frozenset({str(TIDAL)}))),
        (like(KEPT, is_spotify=True), CardOptions(hide_spotify=True)),
        (KEPT, CardOptions(idle_message="Nothing is playing")),
    ],
    ids=["none", "too old", "activity", "application", "spotify", "own words"],
)
def test_the_last_song_is_not_shown(kept: KeptSong, options: CardOptions) -> None:
    """There is none, it is hidden by a parameter, or the address has words for silence."""
    assert panel_of(NOTHING, options, kept).title == "Nothing is playing"


def test_a_card_shows_the_player_too() -> None:
    """With the words of `listening`; it is one activity, and is shown once."""
    model, images = card_model.build(AUDIBERT, ON_TIDAL, CardOptions())
    assert model.panel is not None
    assert model.panel.title == "Harvest Moon"
    assert model.panel.heading == "Listening to TIDAL"
    assert [one.url for one in images if one.role == "art"] == [TIDAL_SONG.album_image]
    hidden = CardOptions(ignored=frozenset({str(TIDAL)}))
    assert card_model.build(AUDIBERT, ON_TIDAL, hidden)[0].panel is None


def test_a_card_without_listening() -> None:
    """The person hides `listening`, or an earlier gateway has written the presence."""
    of_spotify = like(LISTENING, listening=None)
    model, _ = card_model.build(AUDIBERT, of_spotify, CardOptions())
    assert model.panel is not None
    assert model.panel.heading == "Listening to Spotify"
    of_tidal = like(ON_TIDAL, listening=None)
    model, _ = card_model.build(AUDIBERT, of_tidal, CardOptions())
    assert model.panel is not None
    assert model.panel.title == "Listening to Harvest Moon"  # as the player sends it


def test_the_icon_stands_in_for_missing_art() -> None:
    """`listening` has no picture then; the activity has that of the application."""
    icon = "https://cdn.discordapp.com/app-icons/1/2.png"
    presence = like(
        ON_TIDAL,
        activity=[like(ON_TIDAL.activity[0], largeImage=icon)],
        listening=like(TIDAL_SONG, album_image=None),
    )
    _, images = card_model.build(AUDIBERT, presence, CardOptions())
    assert [one.url for one in images if one.role == "art"] == [icon]


async def test_an_svg(store: Store) -> None:
    """A moving bar, safe markup, and headers as of a card."""
    await save(store, ON_TIDAL)
    path = f"/now-playing/{USER}.svg"
    async with serving_cards(store) as port:
        answer = await ask(port, path)
        again = await ask(port, path, f"If-None-Match: {answer.header('etag')}")
        head = await ask(port, path, method="HEAD")
        still = await ask(port, f"{path}?animated=false&hideTimestamp=false")
    check_svg(answer.body.decode())
    assert answer.status == 200
    assert answer.header("content-type") == "image/svg+xml; charset=utf-8"
    assert answer.header("access-control-allow-origin") == "*"
    assert "max-age=" in (answer.header("cache-control") or "")
    assert "default-src 'none'" in (answer.header("content-security-policy") or "")
    expected = "Listening to TIDAL: Harvest Moon, The Quiet Motors, Ola Fenn, Polar Season"
    assert title_of(answer) == expected
    assert (again.status, again.body) == (304, b"")
    assert (head.status, head.body) == (200, b"")
    assert b"@keyframes" not in still.body


async def test_a_png(store: Store) -> None:
    """The same drawing, two pixels for each unit; smaller than a card."""
    await save(store, ON_TIDAL)
    async with serving_cards(store) as port:
        answer = await ask(port, f"/now-playing/{USER}.png?width=400")
    image = Image.open(io.BytesIO(answer.body))
    assert answer.header("content-type") == "image/png"
    assert (image.format, image.size) == ("PNG", (800, 224))


async def test_a_change_shows_at_once(store: Store) -> None:
    """And the card of the same person, with the same parameters, is another picture."""
    await save(store, NOTHING)
    async with serving_cards(store) as port:
        before = await ask(port, f"/now-playing/{USER}.svg")
        await save(store, LISTENING)
        after = await ask(port, f"/now-playing/{USER}.svg")
        card = await ask(port, f"/card/{USER}.svg")
    assert title_of(before) == "Nothing is playing"
    assert "Listening to Spotify: 夜の図書館" in title_of(after)
    assert title_of(card).startswith("Audibert is online")


async def test_the_last_song_is_read_with_the_presence(store: Store) -> None:
    """It comes and goes with what the gateway saves; what other software writes is no song."""
    future = like(KEPT, until=2**52)
    shown = []
    async with serving_cards(store) as port:
        for history in (b"", b"{}", msgspec.json.encode(future), b"\xff", b"[", b""):
            await save(store, NOTHING, history=history)
            shown.append(title_of(await ask(port, f"/now-playing/{USER}.svg")))
    last = "Last played on TIDAL: Harvest Moon, The Quiet Motors, Ola Fenn, Polar Season"
    assert shown == ["Nothing is playing"] * 2 + [last] + ["Nothing is playing"] * 3


@pytest.mark.parametrize("kind", ["svg", "png"])
@pytest.mark.parametrize(
    ("user_id", "problem"), [(STRANGER, "user_not_monitored"), ("12", "invalid_user_id")]
)
async def test_what_is_wrong_is_a_picture(
    store: Store, user_id: str, problem: str, kind: str
) -> None:
    """With a status that image proxies accept, and the code in a header."""
    async with serving_cards(store) as port:
        answer = await ask(port, f"/now-playing/{user_id}.{kind}?theme=pink")
    assert answer.status == 200
    assert answer.header("x-grux-problem") == problem
    assert answer.header("x-grux-unusable") == "theme"


def test_how_old_it_may_be() -> None:
    """While the gateway is silent, the picture says so, in the language of its words."""
    model, _ = now_playing.build(AUDIBERT, ON_TIDAL, CardOptions())
    heights = []
    for silent_for in (None, 600):
        svg = drawn(DrawNowPlaying(model, CardOptions(), {}, NOW, silent_for, False))
        check_svg(svg)
        heights.append(float(re.search(r'height="([0-9.]+)"', svg)[1]))  # type: ignore[index]
    assert heights == [112, 134]


def test_a_song_of_any_length_and_script() -> None:
    """What users type cannot break the picture; art that is too large is left out."""
    wild = like(TIDAL_SONG, song="<script>" * 60, artist="\u202e" + "👩‍🚀" * 80, app="\x00&")
    model, _ = now_playing.build(AUDIBERT, like(ON_TIDAL, listening=wild), CardOptions())
    large = like(IMAGES["art"], data=b"x" * 800_000)
    svg = drawn(DrawNowPlaying(model, CardOptions(width=900), {"art": large}, NOW, None, False))
    check_svg(svg)
    assert len(svg) < 1_000_000
    assert "<image" not in svg


@pytest.mark.parametrize("presence", [ON_TIDAL, LISTENING, NOTHING], ids=["tidal", "spotify", "-"])
@pytest.mark.parametrize(
    ("theme", "accent", "page"), [("dark", "ffffff", "#17181c"), ("light", "000000", "#ffffff")]
)
@pytest.mark.parametrize("bg", [None, "transparent", "777777", "135,1e1b4b,7c3aed,db2777"])
def test_every_text_is_legible(
    presence: Presence, bg: str | None, theme: Theme, accent: str, page: str
) -> None:
    """With the strongest glow, on an unfavourable background, also at the smallest width."""
    for width in (300, 450):
        options = CardOptions(theme=theme, accent=accent, bg=bg, width=width)
        model, _ = now_playing.build(AUDIBERT, presence, options)
        images = {"art": like(IMAGES["art"], dominant_color=f"#{accent}")}
        check(drawn(DrawNowPlaying(model, options, images, NOW, 700, True)), page)
