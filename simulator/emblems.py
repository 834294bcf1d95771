"""Emblems: the icons and the art of applications, and emojis."""

import math
import random
from collections.abc import Callable
from typing import Final

from simulator.canvas import Canvas, Gradient, Point, mix, rgb
from simulator.palettes import PALETTES, Palette

_WHITE: Final = (255, 255, 255)
_INK: Final = rgb("2b2330")

Motif = Callable[[Canvas, Point, float, Palette], None]


def star_points(centre: Point, radius: float, points: int = 5, inner: float = 0.46) -> list[Point]:
    """The outline of a star whose first point is at the top."""
    return [
        (
            centre[0] + radius * (inner if step % 2 else 1) * math.sin(math.pi * step / points),
            centre[1] - radius * (inner if step % 2 else 1) * math.cos(math.pi * step / points),
        )
        for step in range(points * 2)
    ]


def _star(canvas: Canvas, centre: Point, size: float, palette: Palette) -> None:
    x, y = centre
    canvas.polygon(star_points((x, y + size * 0.05), size), mix(palette.accent, palette.dark, 0.3))
    canvas.polygon(star_points(centre, size), Gradient(_WHITE, palette.accent))


def _leaf(canvas: Canvas, centre: Point, size: float, palette: Palette) -> None:
    x, y = centre
    canvas.line([(x, y + size * 0.9), (x, y - size * 0.1)], size * 0.1, palette.sky)
    for side in (-1, 1):
        place = x + side * size * 0.42, y + size * 0.02
        canvas.leaf(place, size * 1.05, size * 0.52, -math.pi / 2 + side * 0.95, palette.sky)
    canvas.leaf((x, y - size * 0.45), size * 1.05, size * 0.55, -math.pi / 2, palette.accent)


def _feather(canvas: Canvas, centre: Point, size: float, palette: Palette) -> None:
    x, y = centre
    canvas.leaf((x + size * 0.1, y - size * 0.12), size * 2.0, size * 0.72, -0.9, palette.sky)
    foot, tip = (x - size * 0.72, y + size * 0.92), (x + size * 0.5, y - size * 0.62)
    canvas.line([foot, tip], size * 0.08, palette.dark)
    for share in (0.42, 0.58, 0.74):
        root = foot[0] + (tip[0] - foot[0]) * share, foot[1] + (tip[1] - foot[1]) * share
        canvas.line(
            [root, (root[0] + size * 0.38, root[1] - size * 0.04)], size * 0.06, palette.dark
        )


def _braces(canvas: Canvas, centre: Point, size: float, palette: Palette) -> None:
    x, y = centre
    for side in (-1, 1):
        angle = [(0.45, -0.55), (0.95, 0.0), (0.45, 0.55)]
        points = [(x + side * size * dx, y + size * dy) for dx, dy in angle]
        canvas.line(points, size * 0.2, palette.sky)
    canvas.line(
        [(x + size * 0.16, y - size * 0.6), (x - size * 0.16, y + size * 0.6)],
        size * 0.18,
        palette.accent,
    )


def _flag(canvas: Canvas, centre: Point, size: float, palette: Palette) -> None:
    x, y = centre
    left, top, step = x - size * 0.8, y - size * 0.85, size * 0.4
    canvas.box(
        (left - size * 0.16, top - size * 0.08), size * 0.14, size * 1.95, palette.sky, size * 0.06
    )
    for row in range(3):
        for column in range(4):
            colour = palette.sky if (row + column) % 2 else palette.dark
            canvas.box((left + column * step, top + row * step), step, step, colour)


def _pawn(canvas: Canvas, centre: Point, size: float, palette: Palette) -> None:
    x, y = centre
    canvas.polygon(
        [
            (x - size * 0.2, y - size * 0.3),
            (x + size * 0.2, y - size * 0.3),
            (x + size * 0.5, y + size * 0.75),
            (x - size * 0.5, y + size * 0.75),
        ],
        palette.sky,
    )
    canvas.circle((x, y - size * 0.55), size * 0.38, palette.sky)
    canvas.box(
        (x - size * 0.4, y - size * 0.28), size * 0.8, size * 0.15, palette.accent, size * 0.07
    )
    canvas.box(
        (x - size * 0.66, y + size * 0.68), size * 1.32, size * 0.24, palette.sky, size * 0.1
    )


def _lighthouse(canvas: Canvas, centre: Point, size: float, palette: Palette) -> None:
    x, y = centre
    lamp = x, y - size * 0.72
    for side in (-1, 1):
        beam = [
            lamp,
            (x + side * size * 1.5, lamp[1] - size * 0.42),
            (x + side * size * 1.5, lamp[1] + size * 0.32),
        ]
        canvas.polygon(beam, palette.accent, 0.55)
    for band in range(5):
        top, foot = band / 5, (band + 1) / 5
        half = (size * (0.24 + 0.17 * top), size * (0.24 + 0.17 * foot))
        rows = y - size * 0.5 + size * 1.45 * top, y - size * 0.5 + size * 1.45 * foot
        outline = [
            (x - half[0], rows[0]),
            (x + half[0], rows[0]),
            (x + half[1], rows[1]),
            (x - half[1], rows[1]),
        ]
        canvas.polygon(outline, palette.middle if band % 2 else _WHITE)
    canvas.box(
        (x - size * 0.2, y - size * 0.9), size * 0.4, size * 0.4, palette.accent, size * 0.05
    )
    canvas.polygon(
        [(x - size * 0.3, y - size * 0.88), (x, y - size * 1.2), (x + size * 0.3, y - size * 0.88)],
        palette.dark,
    )


def _rocket(canvas: Canvas, centre: Point, size: float, palette: Palette) -> None:
    x, y = centre
    for side in (-1, 1):
        fin = [
            (x + side * size * 0.2, y + size * 0.2),
            (x + side * size * 0.62, y + size * 0.75),
            (x + side * size * 0.2, y + size * 0.6),
        ]
        canvas.polygon(fin, palette.accent)
    canvas.leaf((x, y + size * 0.78), size * 0.75, size * 0.3, math.pi / 2, rgb("ffd166"))
    canvas.leaf((x, y - size * 0.18), size * 1.8, size * 0.78, math.pi / 2, _WHITE)
    canvas.circle((x, y - size * 0.3), size * 0.19, palette.middle)


def _wave(canvas: Canvas, centre: Point, size: float, palette: Palette) -> None:
    x, y = centre
    for index, height in enumerate((0.35, 0.8, 1.25, 0.95, 0.5, 0.2)):
        left = x - size * 0.98 + index * size * 0.35
        colour = palette.accent if index % 2 else palette.sky
        canvas.box((left, y - size * height / 2), size * 0.22, size * height, colour, size * 0.1)


def _gem(canvas: Canvas, centre: Point, size: float, palette: Palette) -> None:
    x, y = centre
    top, middle, foot = y - size * 0.75, y - size * 0.2, y + size * 0.9
    left, right = x - size * 0.9, x + size * 0.9
    inner = size * 0.4
    outline = [
        (x - size * 0.55, top),
        (x + size * 0.55, top),
        (right, middle),
        (x, foot),
        (left, middle),
    ]
    canvas.polygon(outline, palette.accent)
    canvas.polygon(
        [(x - inner, middle), (x + inner, middle), (x, foot)], mix(palette.accent, _WHITE, 0.5)
    )
    canvas.polygon(
        [(left, middle), (x - inner, middle), (x, foot)], mix(palette.accent, palette.dark, 0.3)
    )
    canvas.polygon(
        [(x - inner, middle), (x, top), (x + inner, middle)], mix(palette.accent, _WHITE, 0.75)
    )


def _heart(canvas: Canvas, centre: Point, size: float, palette: Palette) -> None:
    outline = []
    for step in range(48):
        turn = math.tau * step / 48
        x = 16 * math.sin(turn) ** 3
        y = (
            13 * math.cos(turn)
            - 5 * math.cos(2 * turn)
            - 2 * math.cos(3 * turn)
            - math.cos(4 * turn)
        )
        outline.append((centre[0] + size * x / 17, centre[1] - size * y / 17))
    canvas.polygon(outline, palette.accent)


MOTIFS: Final[dict[str, Motif]] = {
    "star": _star,
    "leaf": _leaf,
    "feather": _feather,
    "braces": _braces,
    "flag": _flag,
    "pawn": _pawn,
    "lighthouse": _lighthouse,
    "rocket": _rocket,
    "wave": _wave,
    "gem": _gem,
    "heart": _heart,
}

_BY_PLACE: Final = {
    "764429562019840003": ("star", 3),
    "1232995017031680002": ("gem", 5),
    "883226320970055681": ("feather", 11),
    "icons/python": ("braces", 10),
    "938252894732288009": ("leaf", 4),
    "871920384756108321": ("flag", 5),
    "947362518290374651": ("pawn", 9),
    "posters.example.net": ("lighthouse", 6),
    "918273645546372819": ("lighthouse", 11),
    "1008890872156405890": ("rocket", 3),
    "622174530214821906": ("flag", 7),
}
"""Parts of paths that belong to the catalogue: the motif and the number of the palette."""


def tile(canvas: Canvas, seed: str, rng: random.Random) -> None:
    """An icon, or the art of an activity: a motif on rings of light."""
    motif, palette = rng.choice(list(MOTIFS)), rng.choice(PALETTES)
    # The last part that is known: an asset of an application may have a motif of its own.
    for part, (name, number) in _BY_PLACE.items():
        if part in seed:
            motif, palette = name, PALETTES[number]
    middle = canvas.aspect / 2, 0.5
    ground = Gradient(mix(palette.middle, palette.haze, 0.35), palette.dark, diagonal=True)
    canvas.box((0, 0), canvas.aspect, 1, ground)
    for radius in (0.62, 0.46, 0.31):
        canvas.circle(middle, radius, palette.sky, 0.1)
    canvas.glow(middle, 0.5, palette.haze, 0.35)
    MOTIFS[motif](canvas, middle, 0.29, palette)


def emoji(canvas: Canvas, seed: str, rng: random.Random) -> None:
    """A face that smiles, or a heart."""
    if seed.endswith("777"):
        _heart(canvas, (0.5, 0.5), 0.44, PALETTES[7]._replace(accent=rgb("f0527a")))
        return
    colour = rng.choice([rgb("ffc83d"), rgb("7fd8be"), rgb("a98be0"), rgb("ff9f80")])
    canvas.circle((0.5, 0.5), 0.46, Gradient(mix(colour, _WHITE, 0.35), colour))
    for side in (-1, 1):
        canvas.ellipse((0.5 + side * 0.16, 0.42), 0.055, 0.085, _INK)
    smile = [
        (0.5 + 0.22 * math.cos(turn), 0.58 + 0.16 * math.sin(turn))
        for turn in (math.pi * step / 14 for step in range(15))
    ]
    canvas.polygon(smile, _INK)
