"""Gradients of two or more colors."""

from __future__ import annotations

import math
from typing import Final

from msgspec import Struct

from services.cards.render.canvas import num
from services.cards.render.contrast import (
    BLACK,
    TEXT_CONTRAST,
    WHITE,
    Backdrop,
    backdrop,
    mix,
)

_BETWEEN: Final = 4  # samples from one color to the next: some of them are darker than both
_STEPS: Final = 16


class Gradient(Struct, frozen=True):
    angle: int  # in degrees, as in CSS: 0 goes upwards, 90 to the right
    stops: tuple[str, ...]  # `#rrggbb`, at equal distances

    def samples(self) -> tuple[str, ...]:
        """The colors that are seen, dense enough for their contrast with a text."""
        pairs = zip(self.stops, self.stops[1:], strict=False)
        between = (mix(a, b, step / _BETWEEN) for a, b in pairs for step in range(_BETWEEN))
        return (*between, self.stops[-1])

    def legible(self, text: str) -> Gradient:
        """Mixed with as little white or black as a text needs. `text`: WHITE or BLACK."""
        end = BLACK if text == WHITE else WHITE
        for step in range(_STEPS):
            tried = Gradient(
                self.angle, tuple(mix(stop, end, step / _STEPS) for stop in self.stops)
            )
            if backdrop(tried.samples()).contrasts(text, TEXT_CONTRAST):
                return tried
        return Gradient(self.angle, (end, end))

    def legible_on(self, behind: Backdrop, towards: str) -> Gradient:
        """For a text that is filled with it: each color contrasts with all that is behind.

        `towards`: WHITE or BLACK. All colors are brighter (darker) than what is behind them, so
        that those between them are too.
        """
        edge = (
            Backdrop(0.0, behind.brightest) if towards == WHITE else Backdrop(behind.darkest, 1.0)
        )
        return Gradient(self.angle, tuple(_moved(stop, edge, towards) for stop in self.samples()))

    def place(self, x: float, y: float, width: float, height: float) -> str:
        """Attributes of a linearGradient that covers this box."""
        turn = math.radians(self.angle)
        across, down = math.sin(turn), -math.cos(turn)
        half = (abs(width * across) + abs(height * down)) / 2
        mid_x, mid_y = x + width / 2, y + height / 2
        ends = (
            ("x1", mid_x - half * across),
            ("y1", mid_y - half * down),
            ("x2", mid_x + half * across),
            ("y2", mid_y + half * down),
        )
        return 'gradientUnits="userSpaceOnUse"' + "".join(f' {n}="{num(v)}"' for n, v in ends)

    def markup(self, css_class: str = "") -> str:
        """Its stops. `css_class`: the beginning of their names for a style sheet."""
        last = len(self.stops) - 1
        return "".join(
            f'<stop offset="{num(number / last)}" stop-color="{stop}"'
            + (f' class="{css_class}{number}"/>' if css_class else "/>")
            for number, stop in enumerate(self.stops)
        )


def _moved(color: str, behind: Backdrop, towards: str) -> str:
    for step in range(_STEPS):
        mixed = mix(color, towards, step / _STEPS)
        if behind.contrasts(mixed, TEXT_CONTRAST):
            return mixed
    return towards


def parse(background: str) -> Gradient | None:
    """The gradient of CardOptions.bg; None where that is one color."""
    if "," not in background:
        return None
    angle, *colors = background.split(",")
    return Gradient(int(angle), tuple(f"#{color}" for color in colors))
