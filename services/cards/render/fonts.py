"""The bundled fonts, and which of them draws a character.

All text is drawn from these, so a card looks the same for every viewer: see
docs/decisions/0011-text-as-outlines.md.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

import uharfbuzz as hb

FOLDER: Final = Path(__file__).parent.parent / "fonts"
EMOJI: Final = "Twemoji"
_FALLBACKS: Final = (
    "NotoSansArabic-Medium",
    "NotoSansHebrew-Medium",
    "NotoSansThai-Medium",
    "NotoSansDevanagari-Medium",
    "DroidSansFallback",
    "NotoSansMath-Regular",
    EMOJI,
    "NotoSansSymbols2-Regular",
    "NotoSansSymbols-Medium",
)
_SYNTHETIC_BOLD_EM: Final = 0.028  # how much fonts without a bold face are thickened


class Font:
    """One face at one weight. Lengths are in the font's own units."""

    def __init__(self, name: str, bolder: float = 0.0) -> None:
        self.name = name
        self.is_emoji = name == EMOJI
        self.face = hb.Face(hb.Blob.from_file_path(str(FOLDER / f"{name}.ttf")))
        self.units: int = self.face.upem  # to the em
        self.shaper = hb.Font(self.face)
        if bolder:
            self.shaper.synthetic_bold = (bolder, bolder, True)
        self._covered = frozenset(self.face.unicodes)

    def covers(self, character: int) -> bool:
        return character in self._covered


@cache
def family(bold: bool, face: str = "") -> tuple[Font, ...]:
    """The first that covers a character draws it. `face`: one of a display name."""
    if face:
        return (Font(face), *family(bold))
    first = Font("Inter-Bold" if bold else "Inter-Medium")
    bolder = _SYNTHETIC_BOLD_EM if bold else 0.0
    return (first, *(Font(name, 0.0 if name == EMOJI else bolder) for name in _FALLBACKS))


@cache
def emoji(bold: bool) -> Font:
    return next(font for font in family(bold) if font.is_emoji)


def _ranges(text: str) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split():
        first, _, last = part.partition("-")
        found.update(range(int(first, 16), int(last or first, 16) + 1))
    return frozenset(found)


COLORED: Final = _ranges(
    "231A-231B 23E9-23EC 23F0 23F3 25FD-25FE 2614-2615 2648-2653 267F 2693 26A1 26AA-26AB "
    "26BD-26BE 26C4-26C5 26CE 26D4 26EA 26F2-26F3 26F5 26FA 26FD 2705 270A-270B 2728 274C 274E "
    "2753-2755 2757 2795-2797 27B0 27BF 2B1B-2B1C 2B50 2B55"
)
"""The emoji below U+1F000. Unicode, emoji-data, Emoji_Presentation."""
