"""The display name in its font, colors and effect, legible whatever they are.

An effect draws around the letters, so it is behind them too: the letters contrast with it, and it
gets weaker where they could not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct

from services.cards.name_styles import SCALES, NameStyle
from services.cards.render.canvas import Canvas, num, run_markup
from services.cards.render.contrast import (
    BLACK,
    TEXT_CONTRAST,
    WHITE,
    Backdrop,
    backdrop,
    lightened,
    mix,
)
from services.cards.render.gradients import Gradient
from services.cards.render.text import Line, Style, fitted
from services.cards.render.theme import Palette

_STRENGTHS: Final = (1.0, 0.7, 0.4, 0.2, 0.0)
_TO_THE_RIGHT, _DOWN = 90, 180
_POP_PX: Final = 1.6  # of the shadow, to the right and down


class _Stroke(Struct, frozen=True):
    """A line around the letters."""

    color: str
    width: float  # px; 0: a shadow of the letters beside them
    opacity: float


class _Look(Struct, frozen=True):
    """One variant of the name: on a dark or on a light card."""

    letters: Gradient
    strokes: tuple[_Stroke, ...]


def fitted_name(name: str, usual: Style, style: NameStyle | None, width: float) -> Line:
    """The name in its font, truncated where it exceeds `width` px."""
    if style is None or not style.face:
        return fitted(name, usual, width)
    size = usual.size * SCALES.get(style.face, 1.0)
    return fitted(name, msgspec.structs.replace(usual, size=size, face=style.face), width)


def draw(
    canvas: Canvas, name: Line, style: NameStyle | None, palette: Palette, x: float, baseline: float
) -> None:
    """The line at x."""
    if style is None or not style.colors:
        canvas.text_line(name, x, baseline, palette.paint("text"))
        return
    towards = WHITE if palette.name == "dark" else BLACK
    look = _look(style, palette.behind, towards)
    if palette.follows_viewer:
        canvas.style(_light_css(look, _look(style, palette.light_behind, BLACK)))
    for number, stroke in enumerate(look.strokes):
        _around(canvas, name, stroke, x, baseline, f"u{number}" if palette.follows_viewer else "")
    _fill(canvas, name, look.letters, x, baseline, "n" if palette.follows_viewer else "")


def _fill(
    canvas: Canvas, name: Line, letters: Gradient, x: float, baseline: float, css_class: str
) -> None:
    box = (0.0, 0.0, name.width, 0.0)
    if letters.angle == _DOWN:
        box = (0.0, -0.75 * name.size, 0.0, name.size)
    start = x
    for run in name.runs:
        paint = f'fill="{letters.stops[0]}"' + (f' class="{css_class}0"' if css_class else "")
        if len(letters.stops) > 1 and run.font is not None:
            # In the units of the path, which begins where the run begins.
            turn = f'gradientTransform="scale({1 / run.scale:.6g}) translate({num(start - x)} 0)"'
            place = f"{letters.place(*box)} {turn}"
            stops = letters.markup(css_class)
            paint = f'fill="{canvas.define("linearGradient", place, stops)}"'
        canvas.add(run_markup(run, x, baseline, name.size, paint))
        x += run.width


def _light_css(look: _Look, light: _Look) -> str:
    """Turns the variant for dark cards into that for light ones. A stroke that is too much goes."""
    rules = [
        f".n{number}{{fill:{stop};stop-color:{stop}}}"
        for number, stop in enumerate(light.letters.stops)
    ]
    for number, stroke in enumerate(look.strokes):
        shown = light.strokes[number] if number < len(light.strokes) else None
        color, opacity = (shown.color, shown.opacity) if shown else (stroke.color, 0)
        what = "stroke" if stroke.width else "fill"
        rules.append(f".u{number}{{{what}:{color};{what}-opacity:{opacity:g}}}")
    return f"@media (prefers-color-scheme:light){{{''.join(rules)}}}"


def _look(style: NameStyle, behind: Sequence[str], towards: str) -> _Look:
    """The strongest effect with which the letters are legible."""
    for strength in _STRENGTHS:
        strokes = tuple(_strokes(style, towards, strength))
        seen = [*behind]
        for stroke in strokes:
            seen += [mix(color, stroke.color, stroke.opacity) for color in seen]
        around = backdrop(seen)
        letters = _letters(style, around, towards)
        if all(around.contrasts(stop, TEXT_CONTRAST) for stop in letters.stops):
            break
    return _Look(letters, strokes)


def _letters(style: NameStyle, behind: Backdrop, towards: str) -> Gradient:
    match style.effect:
        case "gradient" | "glow" if len(style.colors) > 1:
            return Gradient(_TO_THE_RIGHT, style.colors).legible_on(behind, towards)
        case "toon":
            upper = mix(style.colors[0], WHITE, 0.55)
            return Gradient(_DOWN, (upper, style.colors[0])).legible_on(behind, towards)
        case _:
            return Gradient(_DOWN, (behind.legible(style.colors[0], TEXT_CONTRAST, towards),))


def _strokes(style: NameStyle, towards: str, strength: float) -> list[_Stroke]:
    """From the lowest to the highest."""
    first, last = style.colors[0], style.colors[-1]
    away = BLACK if towards == WHITE else WHITE
    match style.effect:
        case "neon":
            tone = lightened(first, 0.02, 0.3)
            return [_Stroke(tone, 7, 0.16 * strength), _Stroke(tone, 3.5, 0.3 * strength)]
        case "glow":
            return [_Stroke(last, 8, 0.13 * strength), _Stroke(first, 4, 0.2 * strength)]
        case "toon":
            return [_Stroke(mix(last, away, 0.75), 3.2, strength)] if strength > 0.5 else []
        case "pop":
            shadow = mix(last, away, 0.65)
            return [_Stroke(shadow, 0, strength)] if strength > 0.5 else []
        case _:
            return []


def _around(
    canvas: Canvas, name: Line, stroke: _Stroke, x: float, baseline: float, css_class: str
) -> None:
    mark = f' class="{css_class}"' if css_class else ""
    for run in name.runs:
        if run.font is None or run.font.is_emoji:
            pass  # drawn once
        elif stroke.width:
            paint = (
                f'fill="none" stroke-width="{num(stroke.width / run.scale)}"'
                f' stroke-linejoin="round" stroke="{stroke.color}"'
                f' stroke-opacity="{num(stroke.opacity)}"{mark}'
            )
            canvas.add(run_markup(run, x, baseline, name.size, paint))
        else:
            paint = f'fill="{stroke.color}" fill-opacity="{num(stroke.opacity)}"{mark}'
            canvas.add(run_markup(run, x + _POP_PX, baseline + _POP_PX, name.size, paint))
        x += run.width
