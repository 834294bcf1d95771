"""Badges, and the decorations around avatars."""

import math
import random
from typing import Final

from simulator.canvas import Canvas, Gradient, Paint, Point, Rgb, mix
from simulator.emblems import star_points
from simulator.palettes import PALETTES, Palette

_WHITE: Final = (255, 255, 255)
_AVATAR_RADIUS: Final = 0.5 / 1.2  # of the avatar below: decorations are 1.2 times as large


def badge(canvas: Canvas, rng: random.Random) -> None:
    """A small shield, hexagon or disc with a mark on it."""
    palette = rng.choice(PALETTES)
    paint = Gradient(mix(palette.middle, palette.haze, 0.55), palette.middle)
    outlines: tuple[list[Point], ...] = (
        [
            (0.5, 0.03),
            (0.9, 0.16),
            (0.88, 0.55),
            (0.72, 0.82),
            (0.5, 0.97),
            (0.28, 0.82),
            (0.12, 0.55),
            (0.1, 0.16),
        ],
        [
            (0.5 + 0.47 * math.sin(math.tau * i / 6), 0.5 - 0.47 * math.cos(math.tau * i / 6))
            for i in range(6)
        ],
        [
            (0.5 + 0.46 * math.sin(math.tau * i / 40), 0.5 - 0.46 * math.cos(math.tau * i / 40))
            for i in range(40)
        ],
        star_points((0.5, 0.5), 0.48, 10, 0.86),
    )
    canvas.polygon(rng.choice(outlines), paint)
    mark = rng.randrange(4)
    if mark == 0:
        canvas.polygon(star_points((0.5, 0.5), 0.27), _WHITE)
    elif mark == 1:
        canvas.polygon(star_points((0.5, 0.5), 0.3, 4, 0.38), _WHITE)
    elif mark == 2:
        canvas.leaf((0.5, 0.5), 0.52, 0.3, -0.8, _WHITE)
    else:
        canvas.line([(0.3, 0.52), (0.45, 0.66), (0.7, 0.37)], 0.11, _WHITE)


def decoration(canvas: Canvas, rng: random.Random) -> None:
    """A ring around the avatar: the middle stays empty, and the status at the lower right, too."""
    palette = rng.choice(PALETTES)
    rng.choice((_wreath, _orbit, _sparks))(canvas, palette, rng)


def _around(turn: float, radius: float) -> Point:
    return 0.5 + radius * math.cos(turn), 0.5 + radius * math.sin(turn)


def _ring(canvas: Canvas, radius: float, breadth: float, paint: Paint) -> None:
    canvas.line([_around(math.tau * step / 120, radius) for step in range(121)], breadth, paint)


def _wreath(canvas: Canvas, palette: Palette, rng: random.Random) -> None:
    green = mix(palette.middle, palette.haze, 0.4)
    _ring(canvas, _AVATAR_RADIUS + 0.008, 0.014, palette.middle)
    for step in range(46):
        turn = math.tau * step / 46
        lean = 0.55 if step % 2 else -0.55
        place = _around(turn, _AVATAR_RADIUS + 0.012 + 0.018 * (step % 2))
        colour: Rgb = mix(green, palette.dark, rng.uniform(0, 0.45))
        canvas.leaf(place, 0.1, 0.044, turn + math.pi / 2 + lean, colour)
    for share in (0.62, 0.7, 0.95):
        centre = _around(math.tau * share, _AVATAR_RADIUS + 0.02)
        for petal in range(5):
            turn = math.tau * petal / 5 + share
            place = centre[0] + 0.026 * math.cos(turn), centre[1] + 0.026 * math.sin(turn)
            canvas.circle(place, 0.023, mix(palette.accent, _WHITE, 0.25))
        canvas.circle(centre, 0.018, palette.middle)


def _orbit(canvas: Canvas, palette: Palette, rng: random.Random) -> None:
    _ring(
        canvas, _AVATAR_RADIUS + 0.02, 0.036, Gradient(palette.haze, palette.middle, diagonal=True)
    )
    _ring(canvas, _AVATAR_RADIUS + 0.02, 0.008, mix(palette.accent, _WHITE, 0.4))
    first = rng.random()
    for index in range(5):
        turn = math.tau * (first + index / 5)
        if 0.1 < turn % math.tau < 1.5:
            continue
        size = 0.042 if index % 2 else 0.03
        place = _around(turn, _AVATAR_RADIUS + 0.028)
        canvas.circle(place, size, palette.dark)
        canvas.circle(place, size * 0.78, Gradient(palette.sky, palette.accent, diagonal=True))


def _sparks(canvas: Canvas, palette: Palette, rng: random.Random) -> None:
    _ring(
        canvas, _AVATAR_RADIUS + 0.012, 0.02, Gradient(palette.accent, palette.haze, diagonal=True)
    )
    for step in range(18):
        turn = math.tau * (0.36 + 0.6 * step / 17)
        reach = rng.uniform(0.018, 0.05)
        place = _around(turn, _AVATAR_RADIUS + rng.uniform(0.015, 0.04))
        colour = rng.choice((palette.accent, mix(palette.haze, _WHITE, 0.4), palette.sky))
        canvas.polygon(star_points(place, reach, 4, 0.34), colour)
