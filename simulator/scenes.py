"""Scenes: album covers, banners, nameplates, and the art of games and streams."""

import math
import random
from collections.abc import Callable
from typing import Final

from simulator.canvas import Canvas, Gradient, mix, rgb
from simulator.palettes import PALETTES, Palette

_WHITE: Final = (255, 255, 255)

Scene = Callable[[Canvas, Palette, random.Random], None]


def cover(canvas: Canvas, rng: random.Random) -> None:
    """An album cover: one of several compositions."""
    rng.choice(_COVERS)(canvas, rng.choice(PALETTES), rng)


def banner(canvas: Canvas, rng: random.Random) -> None:
    """A wide landscape."""
    rng.choice((_mountains, _sea, _dunes))(canvas, rng.choice(PALETTES), rng)


def nameplate(canvas: Canvas, name: str, rng: random.Random) -> None:
    """A strip behind a name. Its left end is calm."""
    kinds: tuple[tuple[str, Scene, int], ...] = (
        ("fern", _fern, 4),
        ("lantern", _lanterns, 3),
        ("kelp", _kelp, 8),
    )
    for part, scene, number in kinds:
        if part in name:
            scene(canvas, PALETTES[number], rng)
            return
    rng.choice((_fern, _lanterns, _kelp))(canvas, rng.choice(PALETTES), rng)


def landscape(canvas: Canvas, rng: random.Random) -> None:
    """What a stream or a show looks like."""
    rng.choice((_mountains, _sea, _city))(canvas, rng.choice(PALETTES), rng)


def _sky(canvas: Canvas, palette: Palette) -> None:
    canvas.polygon(
        [(0, 0), (canvas.aspect, 0), (canvas.aspect, 1), (0, 1)],
        Gradient(palette.sky, palette.haze),
    )


def _stars(canvas: Canvas, rng: random.Random, count: int, lowest: float) -> None:
    for _ in range(count):
        place = rng.random() * canvas.aspect, rng.random() * lowest
        canvas.circle(place, rng.uniform(0.003, 0.008), _WHITE, rng.uniform(0.4, 0.95))


def _mountains(canvas: Canvas, palette: Palette, rng: random.Random) -> None:
    _sky(canvas, palette)
    sun = rng.uniform(0.3, 0.7) * canvas.aspect, rng.uniform(0.26, 0.4)
    canvas.glow(sun, 0.5, palette.accent, 0.7)
    canvas.circle(sun, rng.uniform(0.1, 0.16), palette.accent)
    for layer in range(4):
        count = rng.randint(4, 6) * max(1, round(canvas.aspect))
        ridge = []
        for index in range(count * 2 + 1):
            peak = index % 2
            height = 0.5 + 0.14 * layer - peak * rng.uniform(0.06, 0.2)
            ridge.append(height + rng.uniform(-0.02, 0.02))
        canvas.below(ridge, palette.layer(layer / 3))


def _waves(canvas: Canvas, palette: Palette, rng: random.Random, top: float) -> None:
    layers = 4
    for layer in range(layers):
        phase, length = rng.random() * math.tau, rng.uniform(0.22, 0.4)
        level = top + (1 - top) * layer / layers
        heights = [
            level + 0.03 * math.sin(phase + x * canvas.aspect / 64 / length * math.tau / 2)
            for x in range(65)
        ]
        canvas.below(heights, palette.layer((layer + 0.4) / layers))


def _sea(canvas: Canvas, palette: Palette, rng: random.Random) -> None:
    _sky(canvas, palette)
    sun = canvas.aspect * rng.uniform(0.4, 0.6), 0.5
    canvas.glow(sun, 0.55, palette.accent, 0.8)
    canvas.circle(sun, 0.24, palette.accent)
    _waves(canvas, palette, rng, 0.56)


def _dunes(canvas: Canvas, palette: Palette, rng: random.Random) -> None:
    _sky(canvas, palette)
    moon = canvas.aspect * rng.uniform(0.6, 0.8), 0.28
    canvas.glow(moon, 0.4, palette.accent, 0.6)
    canvas.circle(moon, 0.12, palette.accent)
    for layer in range(4):
        phase = rng.random() * math.tau
        heights = [
            0.52
            + 0.13 * layer
            + 0.09 * math.sin(phase + x / 48 * (3 + layer) * canvas.aspect / 1.6)
            for x in range(49)
        ]
        canvas.below(heights, palette.layer(layer / 3))


def _slit_sun(canvas: Canvas, palette: Palette, rng: random.Random) -> None:
    canvas.polygon([(0, 0), (1, 0), (1, 1), (0, 1)], Gradient(palette.dark, palette.middle))
    _stars(canvas, rng, 26, 0.5)
    canvas.glow((0.5, 0.5), 0.5, palette.haze, 0.6)
    canvas.circle(
        (0.5, 0.5), 0.3, Gradient(palette.accent, mix(palette.haze, palette.accent, 0.35))
    )
    for slit in range(5):
        height = 0.012 + 0.009 * slit
        y = 0.5 + 0.055 * slit
        canvas.box((0.15, y), 0.7, height, mix(palette.dark, palette.middle, y))
    canvas.below([0.82, 0.8, 0.82], palette.dark)
    for step in range(-6, 7):
        canvas.line([(0.5 + step * 0.06, 0.82), (0.5 + step * 0.22, 1.05)], 0.006, palette.middle)


def _arcs(canvas: Canvas, palette: Palette, rng: random.Random) -> None:
    """Quarter circles in a grid, each turned at random."""
    colours = [palette.sky, palette.haze, palette.middle, palette.dark, palette.accent]
    cells = 3
    size = 1 / cells
    for row in range(cells):
        for column in range(cells):
            ground, outer, inner = rng.sample(colours, 3)
            left, top = column * size, row * size
            canvas.box((left, top), size, size, ground)
            x, y = left + size * rng.randint(0, 1), top + size * rng.randint(0, 1)
            for radius, colour in ((1.0, outer), (0.55, inner)):
                quarter = [(x, y)]
                start = math.atan2(top + size / 2 - y, left + size / 2 - x) - math.pi / 4
                quarter += [
                    (
                        x + size * radius * math.cos(start + math.pi / 2 * step / 16),
                        y + size * radius * math.sin(start + math.pi / 2 * step / 16),
                    )
                    for step in range(17)
                ]
                canvas.polygon(quarter, colour)


def _discs(canvas: Canvas, palette: Palette, rng: random.Random) -> None:
    """Large translucent discs that overlap."""
    canvas.box((0, 0), 1, 1, palette.sky)
    turn = rng.random() * math.tau
    for index, colour in enumerate((palette.haze, palette.middle, palette.accent)):
        angle = turn + math.tau * index / 3
        centre = 0.5 + 0.17 * math.cos(angle), 0.5 + 0.17 * math.sin(angle)
        canvas.circle(centre, 0.27, colour, 0.78)
    canvas.circle((0.5, 0.5), 0.055, palette.dark)


def _planet(canvas: Canvas, palette: Palette, rng: random.Random) -> None:
    canvas.box((0, 0), 1, 1, Gradient(palette.dark, palette.middle, diagonal=True))
    _stars(canvas, rng, 60, 1)
    centre = (0.5, 0.52)
    canvas.glow(centre, 0.5, palette.haze, 0.5)
    tilt = rng.choice((-1, 1)) * rng.uniform(0.25, 0.45)

    def ring(front: bool) -> None:
        for radius, colour in ((0.44, palette.accent), (0.38, palette.haze)):
            outline = []
            for scale in (1, 0.9):
                half = [math.pi * step / 30 + (0 if front else math.pi) for step in range(31)]
                points = []
                for turn in half if scale == 1 else reversed(half):
                    x, y = radius * scale * math.cos(turn), radius * scale * 0.26 * math.sin(turn)
                    points.append(
                        (
                            centre[0] + x * math.cos(tilt) - y * math.sin(tilt),
                            centre[1] + x * math.sin(tilt) + y * math.cos(tilt),
                        )
                    )
                outline += points
            canvas.polygon(outline, colour)

    ring(front=False)
    canvas.circle(centre, 0.24, Gradient(palette.sky, palette.middle, diagonal=True))
    ring(front=True)


def _bands(canvas: Canvas, palette: Palette, rng: random.Random) -> None:
    """A rainbow of broad arcs."""
    canvas.box((0, 0), 1, 1, palette.sky)
    centre = rng.choice(((0.5, 0.92), (0.5, 0.92), (0.0, 1.0)))
    colours = (palette.dark, palette.middle, palette.haze, palette.accent, palette.sky)
    reach = 0.72 if centre[0] else 0.95
    for index, colour in enumerate(colours):
        canvas.circle(centre, reach * (1 - index * 0.17), colour)
    if centre[0]:
        canvas.box((0, 0.92), 1, 0.1, palette.dark)


def _blocks(canvas: Canvas, palette: Palette, rng: random.Random) -> None:
    """Slanted bars of different lengths."""
    canvas.box((0, 0), 1, 1, Gradient(palette.dark, palette.middle))
    colours = (palette.accent, palette.haze, palette.sky, palette.middle)
    for index in range(9):
        x = -0.25 + index * 0.155
        top = rng.uniform(0.05, 0.5)
        foot = top + rng.uniform(0.3, 0.55)
        slant = 0.16
        canvas.line(
            [(x + slant * (1 - top) + 0.1, top), (x + slant * (1 - foot) + 0.1, foot)],
            0.085,
            colours[index % len(colours)],
        )


def _city(canvas: Canvas, palette: Palette, rng: random.Random) -> None:
    _sky(canvas, palette)
    moon = canvas.aspect * 0.7, 0.3
    canvas.glow(moon, 0.45, palette.accent, 0.6)
    canvas.circle(moon, 0.15, palette.accent)
    for layer in range(3):
        x = -0.05
        while x < canvas.aspect:
            width = rng.uniform(0.08, 0.16)
            top = 0.4 + 0.13 * layer + rng.uniform(0, 0.2)
            canvas.box((x, top), width, 1 - top, palette.layer(layer / 2))
            if layer == 2:
                for row in range(int((1 - top) / 0.06)):
                    for column in range(int(width / 0.045)):
                        if rng.random() < 0.4:
                            corner = x + 0.016 + column * 0.042, top + 0.03 + row * 0.06
                            canvas.box(corner, 0.02, 0.03, palette.accent)
            x += width


_COVERS: Final = (
    *(_mountains, _sea, _slit_sun, _arcs, _discs, _planet, _bands, _blocks, _dunes, _city),
)


def _fern(canvas: Canvas, palette: Palette, rng: random.Random) -> None:
    canvas.box((0, 0), canvas.aspect, 1, Gradient(palette.dark, palette.middle, diagonal=True))
    for index in range(9):
        foot = canvas.aspect * (0.5 + 0.06 * index) + rng.uniform(-0.1, 0.1), 1.1
        lean, length = rng.uniform(-0.5, 0.3), rng.uniform(0.75, 1.15)
        colour = mix(palette.middle, palette.haze, rng.random())
        for step in range(1, 9):
            along = length * step / 9
            place = foot[0] + along * math.sin(lean), foot[1] - along * math.cos(lean)
            size = 0.36 * (1 - step / 11)
            for side in (-1, 1):
                turn = -math.pi / 2 + lean + side * 0.95
                centre = (
                    place[0] + size / 2 * math.cos(turn),
                    place[1] + size / 2 * math.sin(turn),
                )
                canvas.leaf(centre, size, size * 0.3, turn, colour)
    for _ in range(8):
        place = canvas.aspect * rng.uniform(0.45, 1), rng.uniform(0.1, 0.9)
        canvas.glow(place, 0.09, palette.accent, 0.9)


def _lanterns(canvas: Canvas, palette: Palette, rng: random.Random) -> None:
    ground = Gradient(palette.dark, mix(palette.dark, palette.middle, 0.8), diagonal=True)
    canvas.box((0, 0), canvas.aspect, 1, ground)
    _stars(canvas, rng, 40, 0.9)
    warm = rgb("ff9f43")
    for index in range(7):
        x = canvas.aspect * (0.48 + 0.08 * index)
        y = rng.uniform(0.3, 0.68)
        size = rng.uniform(0.13, 0.2)
        canvas.line([(x, -0.1), (x, y)], 0.012, palette.dark)
        canvas.glow((x, y), size * 2.6, warm, 0.75)
        canvas.ellipse((x, y), size, size * 0.86, Gradient(rgb("ffe0a3"), rgb("f2722b")))
        canvas.ellipse((x, y), size * 0.45, size * 0.86, rgb("ffe9bd"), 0.5)
        for edge in (-1, 1):
            corner = x - size * 0.4, y + edge * size * 0.86 - 0.02
            canvas.box(corner, size * 0.8, 0.045, rgb("8a2f1d"))


def _kelp(canvas: Canvas, palette: Palette, rng: random.Random) -> None:
    canvas.box((0, 0), canvas.aspect, 1, Gradient(palette.middle, palette.dark))
    for index in range(11):
        x = canvas.aspect * (0.45 + 0.055 * index)
        reach = rng.uniform(0.45, 1.0)
        phase, colour = rng.random() * math.tau, mix(palette.middle, palette.haze, rng.random())
        stem = [
            (x + 0.07 * math.sin(phase + step * 0.8), 1.05 - reach * step / 8) for step in range(9)
        ]
        canvas.line(stem, 0.035, colour)
        for step, place in enumerate(stem[1:], start=1):
            side = 1 if step % 2 else -1
            canvas.leaf((place[0] + side * 0.08, place[1]), 0.19, 0.07, side * -0.6, colour)
    for _ in range(16):
        place = canvas.aspect * rng.uniform(0.35, 1), rng.random()
        canvas.circle(place, rng.uniform(0.015, 0.045), palette.sky, 0.35)
