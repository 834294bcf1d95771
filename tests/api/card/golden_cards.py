"""Cards whose pixels are checked. `make goldens` draws them anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from services.api.card.drawing.card import card, notice
from services.api.card.drawing.raster import png
from services.api.card.jobs import DrawCard, DrawNotice, Picture
from services.api.card.look import Look
from services.api.card.subject import choose
from shared.model.snapshot import CustomStatus, Presence, Profile, Timestamps
from tests.api.card.people import (
    AT_WORK,
    AUDIBERT,
    EDITOR,
    LISTENING,
    NOTHING,
    NOW,
    PICTURES,
    SONG,
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


def _of(
    profile: Profile, presence: Presence, look: Look, without: tuple[str, ...] = ()
) -> DrawCard:
    subject, wants = choose(profile, presence, look)
    roles = {want.role for want in wants} - set(without)
    pictures: dict[str, Picture] = {r: p for r, p in PICTURES.items() if r in roles}
    return DrawCard(subject, look, pictures, NOW, None, True)


CASES: Final[dict[str, DrawCard | DrawNotice]] = {
    "playing-dark": _of(AUDIBERT, AT_WORK, Look()),
    "spotify-light": _of(AUDIBERT, like(LISTENING, status="dnd"), Look(theme="light")),
    "long": _of(like(AUDIBERT, display_name="The Extraordinarily Long Name"), _LONG, Look()),
    "right-to-left": _of(
        like(AUDIBERT, display_name="محمد العربي", device="mobile"), _ARABIC, Look(theme="light")
    ),
    "fancy": _of(_FANCY, LISTENING, Look(accent="e11d48")),
    "no-pictures": _of(AUDIBERT, LISTENING, Look(), tuple(PICTURES)),
    "bare": _of(AUDIBERT, like(AT_WORK, activity=[_BARE]), Look(bg="0d1117", radius=6)),
    "idle": _of(like(AUDIBERT, clan=None, badges=[]), NOTHING, Look(idle_message="zzz 😴")),
    "profile-only": _of(AUDIBERT, AT_WORK, Look(hide_activity="true")),
    "activity-only": _of(AUDIBERT, LISTENING, Look(hide_profile=True, bg="fde68a")),
    "nameplate-wide": _of(AUDIBERT, AT_WORK, Look(nameplate=True, width=600)),
    "transparent-narrow": _of(AUDIBERT, LISTENING, Look(bg="transparent", radius=0, width=300)),
    "days": _of(
        AUDIBERT,
        like(AT_WORK, activity=[like(EDITOR, timestamps=Timestamps(start=NOW - 9 * 86_400_000))]),
        Look(hide_tag=True, hide_badges=True, hide_decoration=True, display_name=False),
    ),
    "not-monitored": DrawNotice(
        "Not monitored",
        "This person is in no server that Grux watches. Join: https://discord.gg/example",
        Look(),
        True,
    ),
}


def rendered() -> Iterator[tuple[str, bytes]]:
    """Name and PNG of each case, a pixel for each unit."""
    for name, job in CASES.items():
        svg = card(job) if isinstance(job, DrawCard) else notice(job)
        yield name, png(svg, 1.0, system_fonts=False)
