"""Makes untrusted text fit to be drawn on one line."""

from __future__ import annotations

import unicodedata
from typing import Final

MAX_CHARS: Final = 300  # of the input: no line shows as many
MAX_MARKS: Final = 2  # combining marks on one letter; stacks of them cover other lines

_JOINER: Final = "\u200d"
_ALLOWED_CONTROLS: Final = frozenset("\u200c\u200d") | {chr(tag) for tag in range(0xE0020, 0xE0080)}
_BLANK: Final = {"\u00ad", "\u034f", "\u115f", "\u1160", "\u3164", "\uffa0"}


def sanitize_text(text: str) -> str:
    """Collapses whitespace, and removes what is invisible or changes the text's direction.

    Joiners and variation selectors stay. Lone surrogates, control and private-use characters go.
    """
    kept: list[str] = []
    marks = 0
    for character in text[:MAX_CHARS]:
        kind = unicodedata.category(character)
        if character.isspace() or kind[0] == "Z":
            if kept and kept[-1] != " ":
                kept.append(" ")
            continue
        is_mark = kind in ("Mn", "Me") and not _varies(character)
        is_removed = (kind[0] == "C" and character not in _ALLOWED_CONTROLS) or character in _BLANK
        if is_mark:
            marks += 1
        elif not is_removed and character not in _ALLOWED_CONTROLS and not _varies(character):
            marks = 0  # else the marks around what is invisible would be one stack
        if is_removed or (is_mark and marks > MAX_MARKS):
            continue
        kept.append(character)
    return "".join(kept).strip(" " + _JOINER)


def _varies(character: str) -> bool:
    """Variation selectors have the category of marks."""
    return "\ufe00" <= character <= "\ufe0f"
