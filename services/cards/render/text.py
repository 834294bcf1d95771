"""Lines of text: shaped by HarfBuzz, measured to the hundredth, truncated with an ellipsis."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import uharfbuzz as hb
from msgspec import Struct

from services.cards.render import bidi
from services.cards.render.fonts import COLORED, Font, emoji, family
from services.cards.render.sanitize_text import sanitize_text

ELLIPSIS: Final = "…"
EMOJI_SCALE: Final = 1.12  # of the text's size
_WIDE_EM: Final = 1.0  # an ideograph that no font of ours has
_NARROW_EM: Final = 0.62  # any other character that none of them has
_WORD: Final = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uff10-\uff5a][\u3001\u3002\uff01\uff09\uff1f\u30fc]* ?"
    r"|[^ \u3040-\u30ff\u3400-\u9fff\uff10-\uff5a]+ ?| "
)
_SELECT_TEXT, _SELECT_EMOJI, _KEYCAP, _JOINER = 0xFE0E, 0xFE0F, 0x20E3, 0x200D


class Style(Struct, frozen=True):
    size: float  # px
    bold: bool = False
    tabular: bool = False  # digits of one width
    face: str = ""  # of a display name; empty: the usual one


class Glyph(Struct, frozen=True, gc=False):
    number: int
    x: float  # from the run's left end, in the font's units
    y: float  # upwards


class Run(Struct, frozen=True):
    """Neighbouring glyphs of one font; or, where no font of ours has the characters, the text."""

    width: float  # px
    font: Font | None
    scale: float  # font units to px
    glyphs: tuple[Glyph, ...]
    text: str


class Line(Struct, frozen=True):
    """Runs from left to right."""

    runs: tuple[Run, ...]
    width: float  # px
    size: float
    text: str
    cuts: tuple[int, ...] = ()  # indices of `text` between two graphemes


class _Piece(Struct):
    """Characters of one font and one direction."""

    font: Font | None
    level: int
    start: int
    text: str


@lru_cache(maxsize=4096)
def line(text: str, style: Style) -> Line:
    """The whole text on one line. Raises nothing, whatever the text."""
    text = sanitize_text(text)
    pieces = list(_pieces(text, style))
    runs: list[tuple[int, Run]] = []
    cuts: set[int] = set()
    for piece in pieces:
        run, starts = _shaped(piece, style)
        cuts.update(piece.start + start for start in starts)
        runs.append((piece.level, run))
    placed = tuple(bidi.visual_order(runs))
    width = sum(run.width for run in placed)
    return Line(placed, width, style.size, text, tuple(sorted(cuts)))


@lru_cache(maxsize=4096)
def fitted(text: str, style: Style, width: float) -> Line:
    """The text, truncated with an ellipsis where it exceeds `width` px."""
    whole = line(text, style)
    if whole.width <= width:
        return whole
    fits, too_long = 0, len(whole.cuts)
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        cut = whole.text[: whole.cuts[middle]].rstrip()
        if line(cut + ELLIPSIS, style).width <= width:
            fits = middle
        else:
            too_long = middle
    kept = whole.text[: whole.cuts[fits]].rstrip() if whole.cuts else ""
    found = line(kept + ELLIPSIS, style)
    return found if found.width <= width else line("", style)


def wrapped(text: str, style: Style, width: float, most: int) -> list[Line]:
    """The text on at most `most` lines, broken between words; the last one is truncated.

    Between Chinese and Japanese characters there is a break everywhere but before punctuation.
    """
    lines: list[Line] = []
    rest = _WORD.findall(sanitize_text(text))
    while rest and len(lines) < most - 1:
        count = 1
        while count < len(rest) and line("".join(rest[: count + 1]), style).width <= width:
            count += 1
        lines.append(fitted("".join(rest[:count]), style, width))
        rest = rest[count:]
    return [*lines, fitted("".join(rest), style, width)] if rest else lines


def _pieces(text: str, style: Style) -> Iterator[_Piece]:
    """The parts that HarfBuzz shapes at once: one font and one direction each."""
    piece: _Piece | None = None
    levels = bidi.levels(text)
    for index, character in enumerate(text):
        font = _font(text, index, style, piece)
        if piece is None or font is not piece.font or levels[index] != piece.level:
            if piece is not None:
                yield piece
            piece = _Piece(font, levels[index], index, character)
        else:
            piece.text += character
    if piece is not None:
        yield piece


def _font(text: str, index: int, style: Style, before: _Piece | None) -> Font | None:
    """The font of this character. Marks and joiners take that of the character before them."""
    code = ord(text[index])
    after = ord(text[index + 1]) if index + 1 < len(text) else 0
    color = emoji(style.bold)
    if before is not None and _continues(code, before.font):
        return before.font
    asked = after in (_SELECT_EMOJI, _KEYCAP) or code >= 0x1F000 or code in COLORED
    if asked and after != _SELECT_TEXT and color.covers(code):
        return color
    if before is not None and before.font and code == 0x20 and before.font.covers(code):
        return before.font
    return next((font for font in family(style.bold, style.face) if font.covers(code)), None)


def _continues(code: int, font: Font | None) -> bool:
    if code in (_JOINER, 0x200C, _SELECT_EMOJI, _SELECT_TEXT):
        return True
    if font is not None and font.is_emoji:
        tag_or_skin = 0xE0020 <= code <= 0xE007F or 0x1F3FB <= code <= 0x1F3FF
        return tag_or_skin or code == _KEYCAP
    if unicodedata.category(chr(code))[0] == "M":
        return font is None or font.covers(code)
    return False


def _shaped(piece: _Piece, style: Style) -> tuple[Run, list[int]]:
    """The run, and the indices in the piece at which graphemes begin."""
    font = piece.font
    if font is None:
        ems = sum(_ems(character) for character in piece.text)
        starts = [i for i, c in enumerate(piece.text) if unicodedata.category(c)[0] != "M"]
        return Run(ems * style.size, None, 0.0, (), piece.text), starts
    scale = style.size / font.units * (EMOJI_SCALE if font.is_emoji else 1.0)
    buffer = hb.Buffer()
    buffer.add_codepoints([ord(character) for character in piece.text])
    buffer.guess_segment_properties()
    buffer.direction = "rtl" if piece.level % 2 else "ltr"
    hb.shape(font.shaper, buffer, {"tnum": True} if style.tabular else None)
    glyphs: list[Glyph] = []
    x = 0.0
    for info, place in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
        glyphs.append(Glyph(info.codepoint, x + place.x_offset, place.y_offset))
        x += place.x_advance
    starts = sorted({info.cluster for info in buffer.glyph_infos})
    return Run(x * scale, font, scale, tuple(glyphs), piece.text), starts


def _ems(character: str) -> float:
    if unicodedata.category(character)[0] in "MC":
        return 0.0
    return _WIDE_EM if unicodedata.east_asian_width(character) in "WF" else _NARROW_EM
