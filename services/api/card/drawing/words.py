"""Strangers' text made fit to be drawn on one line."""

from __future__ import annotations

import unicodedata
from typing import Final

LONGEST: Final = 300  # characters that are looked at: no line shows as many
MARKS: Final = 2  # combining marks on one letter; towers of them hide what is around

_JOINER: Final = "\u200d"
_KEPT: Final = frozenset("\u200c\u200d") | {chr(tag) for tag in range(0xE0020, 0xE0080)}
_WITHOUT_SHAPE: Final = {"\u00ad", "\u034f", "\u115f", "\u1160", "\u3164", "\uffa0"}


def one_line(text: str) -> str:
    """Blanks made one, and nothing left that is not seen or that turns the text around it.

    What joins and varies emoji and letters stays. Lone surrogates, controls and private use go.
    """
    kept: list[str] = []
    marks = 0
    for character in text[:LONGEST]:
        kind = unicodedata.category(character)
        if character.isspace() or kind[0] == "Z":
            if kept and kept[-1] != " ":
                kept.append(" ")
            continue
        marks = marks + 1 if kind in ("Mn", "Me") and not _varies(character) else 0
        unseen = kind[0] == "C" and character not in _KEPT
        if unseen or marks > MARKS or character in _WITHOUT_SHAPE:
            continue
        kept.append(character)
    return "".join(kept).strip(" " + _JOINER)


def _varies(character: str) -> bool:
    """Variation selectors count as marks, and are none."""
    return "\ufe00" <= character <= "\ufe0f"
