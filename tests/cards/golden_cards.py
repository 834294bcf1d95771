"""Cards whose pixels are compared. `make goldens` redraws them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from services.cards import card_model, now_playing
from services.cards.badges import message_and_color
from services.cards.card_options import CardOptions, Theme
from services.cards.render.badge import badge
from services.cards.render.card import card, placeholder
from services.cards.render.now_playing import now_playing as drawn_now_playing
from services.cards.render.raster import png
from services.cards.render_jobs import (
    CardImage,
    DrawBadge,
    DrawCard,
    DrawNowPlaying,
    DrawPlaceholder,
)
from services.cards.texts import TEXTS, Language
from shared.model.history import KeptSong
from shared.model.snapshot import (
    CustomStatus,
    DisplayNameStyles,
    Party,
    Presence,
    Profile,
    Timestamps,
)
from tests.cards.sample_users import (
    AT_WORK,
    AUDIBERT,
    CDN,
    EDITOR,
    IMAGES,
    KEPT,
    LISTENING,
    NOTHING,
    NOW,
    ON_TIDAL,
    SONG,
    TIDAL_SONG,
    like,
)

FOLDER: Final = Path(__file__).parent / "goldens"

_LONG: Final = like(
    AT_WORK,
    status="idle",
    activity=[
        like(
            EDITOR,
            name="An Overly Long Game Title: The Remastered Definitive Edition",
            details="Somebody wrote a very long line of details here, which has to be cut",
            state="👨‍👩‍👧‍👦 مرحبا بالعالم (test) שלום עולם 한국어 नमस्ते",
        )
    ],
    custom_status=CustomStatus("a status that is far too long to be shown in whole 🎉", None),
)
_ARABIC: Final = like(
    LISTENING,
    spotify=like(SONG, song="أغنية جميلة جدا (live)", artist="فيروز", album="שיר ערש"),
    custom_status=CustomStatus("مرحبا بالعالم 👋🏽", None),
)
_FANCY: Final = like(AUDIBERT, display_name="꧁ 𝓯𝓪𝓷𝓬𝔂 ★彡 Zoë 🇩🇪", username="ładny.żółw", badges=[])
_BARE: Final = like(EDITOR, details=None, state=None, largeImage=None, smallImage=None)
_WITH_BANNER: Final = like(AUDIBERT, banner_image=f"{CDN}/banners/1/a_1.png?size=1024")
_STYLES: Final[tuple[tuple[int, str, int, Theme], ...]] = (
    (1, "solid", 12, "dark"),
    (2, "gradient", 3, "dark"),
    (3, "neon", 14, "dark"),
    (4, "toon", 4, "dark"),
    (5, "pop", 8, "dark"),
    (6, "glow", 7, "dark"),
    (6, "glow-light", 16, "light"),
    (4, "toon-light", 1, "light"),
)
"""Discord's number of an effect, the name of the case, a font, and a theme."""


def _of(
    profile: Profile, presence: Presence, options: CardOptions, without: tuple[str, ...] = ()
) -> DrawCard:
    model, requests = card_model.build(profile, presence, options)
    roles = {request.role for request in requests} - set(without)
    images: dict[str, CardImage] = {r: i for r, i in IMAGES.items() if r in roles}
    return DrawCard(model, options, images, NOW, None, True)


def _now_playing(
    presence: Presence,
    options: CardOptions,
    *,
    silent_for: int | None = None,
    art: bool = True,
    kept: KeptSong | None = None,
) -> DrawNowPlaying:
    model, _ = now_playing.build(AUDIBERT, presence, options, kept, NOW)
    images = {"art": IMAGES["art"]} if art else {}
    return DrawNowPlaying(model, options, images, NOW, silent_for, True)


def _badge(presence: Presence, show: str, language: Language, style: str = "flat") -> DrawBadge:
    message, color = message_and_color(presence, show, TEXTS[language].badge)
    return DrawBadge("discord", message, f"#{color}", style)


Drawing = DrawCard | DrawNowPlaying | DrawPlaceholder | DrawBadge

CASES: Final[dict[str, Drawing]] = {
    "badge": _badge(LISTENING, "activity", "en"),
    "badge-french": _badge(AT_WORK, "activity", "fr", "flat-square"),
    "badge-german": _badge(like(AT_WORK, status="dnd"), "status", "de", "for-the-badge"),
    "badge-japanese": _badge(LISTENING, "activity", "ja"),
    "now-playing": _now_playing(ON_TIDAL, CardOptions()),
    "now-playing-light": _now_playing(LISTENING, CardOptions(theme="light", width=320)),
    "now-playing-without-art": _now_playing(
        like(ON_TIDAL, listening=like(TIDAL_SONG, timestamps=Timestamps(start=NOW - 83_000))),
        CardOptions(radius=40, accent="22c55e"),
        art=False,
    ),
    "now-playing-right-to-left": _now_playing(
        like(
            ON_TIDAL,
            listening=like(TIDAL_SONG, song="أغنية جميلة جدا (live)", artist="فيروز", album=None),
        ),
        CardOptions(bg="135,1e1b4b,7c3aed,db2777", lang="de"),
        silent_for=600,
    ),
    "now-playing-nothing": _now_playing(NOTHING, CardOptions(), art=False),
    "now-playing-last": _now_playing(NOTHING, CardOptions(), kept=KEPT),
    "player-on-a-card": _of(AUDIBERT, ON_TIDAL, CardOptions()),
    "playing-dark": _of(AUDIBERT, AT_WORK, CardOptions()),
    "spotify-light": _of(AUDIBERT, like(LISTENING, status="dnd"), CardOptions(theme="light")),
    "long": _of(like(AUDIBERT, display_name="The Extraordinarily Long Name"), _LONG, CardOptions()),
    "right-to-left": _of(
        like(AUDIBERT, display_name="محمد العربي", device="mobile"),
        _ARABIC,
        CardOptions(theme="light"),
    ),
    "fancy": _of(_FANCY, LISTENING, CardOptions(accent="e11d48")),
    "no-pictures": _of(AUDIBERT, LISTENING, CardOptions(), tuple(IMAGES)),
    "bare": _of(AUDIBERT, like(AT_WORK, activity=[_BARE]), CardOptions(bg="0d1117", radius=6)),
    "idle": _of(like(AUDIBERT, clan=None, badges=[]), NOTHING, CardOptions(idle_message="zzz 😴")),
    "profile-only": _of(AUDIBERT, AT_WORK, CardOptions(hide_activity="true")),
    "activity-only": _of(AUDIBERT, LISTENING, CardOptions(hide_profile=True, bg="fde68a")),
    "nameplate-wide": _of(AUDIBERT, AT_WORK, CardOptions(nameplate=True, width=600)),
    "transparent-narrow": _of(
        AUDIBERT, LISTENING, CardOptions(bg="transparent", radius=0, width=300)
    ),
    "days": _of(
        AUDIBERT,
        like(AT_WORK, activity=[like(EDITOR, timestamps=Timestamps(start=NOW - 9 * 86_400_000))]),
        CardOptions(hide_tag=True, hide_badges=True, hide_decoration=True, display_name=False),
    ),
    "countdown-round": _of(
        AUDIBERT,
        like(AT_WORK, activity=[like(EDITOR, timestamps=Timestamps(end=NOW + 754_000))]),
        CardOptions(theme="light", radius=60),
    ),
    "gradient": _of(AUDIBERT, LISTENING, CardOptions(bg="135,1e1b4b,7c3aed,db2777")),
    "gradient-light": _of(
        AUDIBERT, AT_WORK, CardOptions(bg="90,fde68a,fca5a5", theme="light", width=600)
    ),
    "gradient-made-legible": _of(AUDIBERT, LISTENING, CardOptions(bg="90,ffffff,000000,22c55e")),
    **{
        f"{layout}-{name}": _of(AUDIBERT, presence, CardOptions(layout=layout, width=width, **more))
        for layout in ("compact", "minimal")
        for name, presence, width, more in (
            ("playing", AT_WORK, 450, {}),
            ("song-narrow", LISTENING, 300, {"theme": "light"}),
            ("idle-wide", like(NOTHING, custom_status=None), 900, {"bg": "90,1e1b4b,7c3aed"}),
            ("activity", LISTENING, 450, {"hide_profile": True, "lang": "de"}),
        )
    },
    "wide": _of(AUDIBERT, AT_WORK, CardOptions(layout="wide")),
    "wide-song-light": _of(
        like(AUDIBERT, badges=[]), LISTENING, CardOptions(layout="wide", theme="light", width=900)
    ),
    "banner": _of(_WITH_BANNER, AT_WORK, CardOptions(banner="true")),
    "banner-wide-nameplate": _of(
        like(_WITH_BANNER, pronouns="they/them"),
        LISTENING,
        CardOptions(banner="true", nameplate=True, width=700, theme="light", radius=40),
    ),
    "banner-narrow": _of(
        like(_WITH_BANNER, display_name="grwx", badges=[]),
        like(NOTHING, status="idle"),
        CardOptions(banner="true", width=300, hide_activity="true", bg="7c2d12"),
    ),
    **{
        f"name-{effect}": _of(
            like(
                AUDIBERT,
                display_name="Audibert Zoë 🌙",
                display_name_styles=DisplayNameStyles(font, number, [0xFF5FA2, 0x5B8CFF]),
            ),
            AT_WORK,
            CardOptions(hide_activity="true", theme=theme),
        )
        for number, effect, font, theme in _STYLES
    },
    "german-countdown": _of(
        AUDIBERT,
        like(
            AT_WORK,
            activity=[
                like(EDITOR, timestamps=Timestamps(end=NOW + 754_000), party=Party("1", (2, 4)))
            ],
        ),
        CardOptions(lang="de"),
    ),
    "japanese": _of(AUDIBERT, LISTENING, CardOptions(lang="ja", theme="light")),
    "japanese-problem": DrawPlaceholder(
        TEXTS["ja"].problems["invalid_user_id"].title,
        TEXTS["ja"].problems["invalid_user_id"].text,
        CardOptions(lang="ja"),
        True,
    ),
    "not-monitored": DrawPlaceholder(
        "Not monitored",
        "This person is in no server that Grux watches. Join: https://discord.gg/example",
        CardOptions(),
        True,
    ),
}


def rendered() -> Iterator[tuple[str, bytes]]:
    """Name and PNG of each case, a pixel for each unit."""
    for name, job in CASES.items():
        yield name, png(drawing(job), 1.0, system_fonts=False)


def drawing(job: Drawing) -> str:
    """As SVG."""
    if isinstance(job, DrawBadge):
        return badge(job)
    if isinstance(job, DrawNowPlaying):
        return drawn_now_playing(job)
    return card(job) if isinstance(job, DrawCard) else placeholder(job)
