"""How a display name is drawn: Discord's numbers, and what the card makes of them.

Discord documents neither fonts nor effects. The numbers are those that its clients use; most of its
fonts are open, and where one is not bundled here, a similar one is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from msgspec import Struct

from shared.model.snapshot import DisplayNameStyles

Effect = Literal["solid", "gradient", "neon", "toon", "pop", "glow"]

MAX_COLORS: Final = 5

_EFFECTS: Final[dict[int | None, Effect]] = {
    1: "solid",
    2: "gradient",
    3: "neon",
    4: "toon",
    5: "pop",
    6: "glow",
}
FACES: Final[dict[int, str]] = {
    1: "Name-Bangers",
    2: "Name-Biorhyme",
    3: "Name-Sakura",
    4: "Name-Jellybean",
    6: "Name-Modern",
    7: "Name-Medieval",
    8: "Name-Pixel",
    10: "Name-Vampyre",
    12: "Name-Tempo",
    13: "Name-Playground",
    14: "Name-Mainframe",
    15: "Name-Headbang",
    16: "Name-Journal",
}
"""By Discord's number: a file in services/cards/fonts. Any other number is the usual font."""


SCALES: Final = {
    "Name-Bangers": 1.08,
    "Name-Jellybean": 1.25,
    "Name-Mainframe": 0.92,
    "Name-Medieval": 1.15,
    "Name-Vampyre": 1.15,
    "Name-Journal": 1.08,
}
"""By face: its size beside the usual font's, so that names look equally large."""


class NameStyle(Struct, frozen=True):
    face: str  # empty: the usual font
    effect: Effect
    colors: tuple[str, ...]  # `#rrggbb`; empty: that of the theme


def of(styles: DisplayNameStyles | None, gradient: Sequence[str]) -> NameStyle | None:
    """The style that a user has chosen on Discord, with the colors of `gradient` if there are any.

    None: the name is plain.
    """
    face = FACES.get(styles.font_id, "") if styles and styles.font_id else ""
    effect: Effect = _EFFECTS.get(styles.effect_id, "solid") if styles else "gradient"
    colors = tuple(f"#{color:06x}" for color in styles.colors[:MAX_COLORS]) if styles else ()
    if gradient:
        effect = effect if effect == "glow" else "gradient"
        colors = tuple(f"#{color}" for color in gradient)
    return NameStyle(face, effect, colors) if face or colors else None
