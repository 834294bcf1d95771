"""Glyphs as SVG path data. SVG 1.1, 8.3; OpenType, COLR and CPAL."""

from __future__ import annotations

import struct
from functools import cache, lru_cache
from typing import Any, Final

import uharfbuzz as hb
from msgspec import Struct

from services.cards.render.fonts import Font


class Layer(Struct, frozen=True):
    """A part of an emoji: an outline and its color; None is the color of the text."""

    outline: str
    color: str | None
    opacity: float


class _Pen:
    """Writes an outline in relative commands, which are shorter and independent of position.

    y grows downwards in SVG and upwards in fonts.
    """

    def __init__(self) -> None:
        self.parts: list[str] = []
        self._x = self._y = 0
        self._start = (0, 0)

    def move(self, x: float, y: float) -> None:
        self._write("m", x, y)
        self._start = (self._x, self._y)

    def close(self) -> None:
        self.parts.append("z")
        self._x, self._y = self._start

    def write(self, command: str, *numbers: float) -> None:
        self._write(command, *numbers)

    def _write(self, command: str, *numbers: float) -> None:
        x, y = self._x, self._y
        text = command
        points = [round(number) for number in numbers]
        for index in range(0, len(points), 2):
            for value in (points[index] - x, y - points[index + 1]):
                text += str(value) if value < 0 or text == command else f" {value}"
        self._x, self._y = points[-2], points[-1]
        self.parts.append(text)


def _functions() -> hb.DrawFuncs:
    functions = hb.DrawFuncs()
    functions.set_move_to_func(lambda x, y, pen: pen.move(x, y))
    functions.set_line_to_func(lambda x, y, pen: pen.write("l", x, y))
    functions.set_quadratic_to_func(lambda a, b, x, y, pen: pen.write("q", a, b, x, y))
    functions.set_cubic_to_func(lambda a, b, c, d, x, y, pen: pen.write("c", a, b, c, d, x, y))
    functions.set_close_path_func(lambda pen: pen.close())
    return functions


_FUNCTIONS: Final = _functions()


@lru_cache(maxsize=8192)
def outline(font: Font, glyph: int) -> str:
    """Path data relative to the glyph's origin, in the font's units; empty for a blank."""
    pen = _Pen()
    draw: Any = font.shaper.draw_glyph
    draw(glyph, _FUNCTIONS, pen)
    return "".join(pen.parts)


@lru_cache(maxsize=1024)
def layers(font: Font, glyph: int) -> tuple[Layer, ...]:
    """The layers of an emoji, the lowest first."""
    palette = _palette(font)
    found = font.face.get_glyph_color_layers(glyph)
    if not found:
        plain = outline(font, glyph)
        return (Layer(plain, None, 1.0),) if plain else ()
    made: list[Layer] = []
    for layer in found:
        in_palette = layer.color_index < len(palette)
        color, opacity = palette[layer.color_index] if in_palette else (None, 1.0)
        made.append(Layer(outline(font, layer.glyph), color, opacity))
    return tuple(made)


@cache
def _palette(font: Font) -> tuple[tuple[str, float], ...]:
    """The first palette: OpenType, CPAL. uharfbuzz 0.57's own get_color_palette does not return
    for palettes of more than a few colors; Twemoji's has 1,099.
    """
    table: bytes = font.face.reference_table("CPAL").data
    _, count, _, _, records, first = struct.unpack_from(">HHHHLH", table)
    start = records + first * 4
    colors = struct.iter_unpack("BBBB", table[start : start + count * 4])
    return tuple((f"#{r:02x}{g:02x}{b:02x}", round(a / 255, 2)) for b, g, r, a in colors)
