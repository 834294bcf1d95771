"""Avatars: portraits of made-up people and animals, and the default avatar."""

import math
import random
from typing import Final, NamedTuple

from simulator.canvas import Canvas, Gradient, Rgb, mix, rgb
from simulator.palettes import PALETTES, Palette

_WHITE: Final = (255, 255, 255)
_INK: Final = rgb("2b2330")
_SKIN: Final = tuple(map(rgb, ("ffdbc4", "f3c19d", "e0a070", "bf7d4f", "8f5a3a", "5f3a28")))
_HAIR: Final = tuple(
    map(rgb, ("2a2130", "4a2c22", "7a4428", "b5652f", "e0b050", "d9d4dc", "e86a92", "3f8f9c"))
)
_ANIMALS_SHARE: Final = 0.3


class _Fur(NamedTuple):
    coat: Rgb
    light: Rgb
    ears: str  # round, pointed or long


_ANIMALS: Final = (
    _Fur(rgb("e8793a"), rgb("fff3e4"), "pointed"),  # fox
    _Fur(rgb("8a5a3c"), rgb("e3c09a"), "round"),  # bear
    _Fur(rgb("5b5f73"), rgb("e9e7ee"), "pointed"),  # cat
    _Fur(rgb("f3ece2"), rgb("f7c9c4"), "long"),  # hare
)


def portrait(canvas: Canvas, rng: random.Random) -> None:
    """Head and shoulders in front of a plain background."""
    palette = rng.choice(PALETTES)
    ground = Gradient(palette.sky, palette.haze, diagonal=True)
    canvas.box((0, 0), 1, 1, ground)
    canvas.circle((0.5, 0.5), 0.39, mix(palette.haze, palette.middle, 0.35), 0.55)
    if rng.random() < _ANIMALS_SHARE:
        _animal(canvas, palette, rng)
    else:
        _person(canvas, palette, rng)


def default_portrait(canvas: Canvas, colour: Rgb) -> None:
    """A bust in white."""
    canvas.box((0, 0), 1, 1, Gradient(mix(colour, _WHITE, 0.12), mix(colour, _INK, 0.1)))
    canvas.circle((0.5, 0.4), 0.17, _WHITE, 0.92)
    canvas.ellipse((0.5, 0.98), 0.32, 0.34, _WHITE, 0.92)


def _person(canvas: Canvas, palette: Palette, rng: random.Random) -> None:
    skin, hair = rng.choice(_SKIN), rng.choice(_HAIR)
    style = rng.choice(("long", "bob", "short", "curly", "bun", "swept", "cap"))
    shirt = rng.choice((palette.middle, palette.dark, palette.accent))
    if style == "cap":
        hair = rng.choice(_HAIR[:4])  # only a strip of it is seen: the others look like a ribbon
    _hair_behind(canvas, style, hair)
    canvas.ellipse((0.5, 1.04), 0.36, 0.3, shirt)
    canvas.box((0.42, 0.58), 0.16, 0.2, mix(skin, _INK, 0.16), 0.07)
    canvas.ellipse((0.5, 0.77), 0.1, 0.045, mix(skin, _INK, 0.16))
    for side in (-1, 1):
        canvas.circle((0.5 + side * 0.185, 0.475), 0.04, mix(skin, _INK, 0.1))
    canvas.ellipse((0.5, 0.455), 0.185, 0.215, skin)
    _hair_in_front(canvas, style, hair, palette)
    _face(canvas, skin, rng)
    if rng.random() < 0.25:
        _headphones(canvas, palette)


def _hair_behind(canvas: Canvas, style: str, hair: Rgb) -> None:
    shade = mix(hair, _INK, 0.25)
    if style == "long":
        canvas.ellipse((0.5, 0.45), 0.26, 0.29, shade)
        canvas.box((0.24, 0.45), 0.52, 0.42, shade, 0.12)
    elif style == "bob":
        canvas.ellipse((0.5, 0.44), 0.26, 0.27, shade)
        canvas.box((0.24, 0.44), 0.52, 0.24, shade, 0.1)
    elif style == "curly":
        for step in range(14):
            turn = math.pi * (0.82 + 1.36 * step / 13)
            place = 0.5 + 0.235 * math.cos(turn), 0.4 + 0.235 * math.sin(turn)
            canvas.circle(place, 0.088, shade)
    elif style == "bun":
        canvas.circle((0.5, 0.17), 0.095, shade)


def _hair_in_front(canvas: Canvas, style: str, hair: Rgb, palette: Palette) -> None:
    """A cap of hair down to the forehead; each style has another edge."""
    edges = {
        "long": [(0.335, 0.46), (0.44, 0.33), (0.5, 0.28), (0.56, 0.33), (0.665, 0.46)],
        "bob": [(0.325, 0.5), (0.335, 0.385), (0.5, 0.365), (0.665, 0.385), (0.675, 0.5)],
        "short": [(0.32, 0.43), (0.36, 0.34), (0.5, 0.325), (0.64, 0.34), (0.68, 0.43)],
        "curly": [(0.33, 0.42), (0.42, 0.33), (0.5, 0.345), (0.58, 0.33), (0.67, 0.42)],
        "bun": [(0.325, 0.44), (0.42, 0.315), (0.5, 0.295), (0.58, 0.315), (0.675, 0.44)],
        "swept": [(0.32, 0.45), (0.37, 0.31), (0.52, 0.37), (0.64, 0.33), (0.68, 0.43)],
        "cap": [(0.31, 0.38), (0.4, 0.35), (0.5, 0.345), (0.6, 0.35), (0.69, 0.38)],
    }
    if style == "cap":
        canvas.box((0.315, 0.34), 0.37, 0.1, hair, 0.04)
    top = [
        (0.5 + 0.205 * math.cos(turn), 0.44 + 0.235 * math.sin(turn))
        for turn in (math.pi * (1 + step / 24) for step in range(25))
    ]
    colour = palette.accent if style == "cap" else hair
    canvas.polygon([*top, *reversed(edges[style])], colour)
    if style == "cap":
        canvas.box((0.3, 0.335), 0.46, 0.05, mix(palette.accent, _INK, 0.22), 0.025)
    if style == "curly":
        for step in range(9):
            turn = math.pi * (1.08 + 0.84 * step / 8)
            place = 0.5 + 0.17 * math.cos(turn), 0.42 + 0.18 * math.sin(turn)
            canvas.circle(place, 0.07, hair)


def _face(canvas: Canvas, skin: Rgb, rng: random.Random) -> None:
    blush = mix(skin, rgb("e8505b"), 0.28)
    for side in (-1, 1):
        canvas.circle((0.5 + side * 0.08, 0.465), 0.0185, _INK)
        canvas.circle((0.5 + side * 0.08 + 0.006, 0.459), 0.006, _WHITE)
        canvas.ellipse((0.5 + side * 0.115, 0.53), 0.034, 0.022, blush, 0.8)
    width = rng.uniform(0.04, 0.06)
    smile = [
        (0.5 + width * math.cos(turn), 0.55 + 0.032 * math.sin(turn))
        for turn in (math.pi * step / 10 for step in range(11))
    ]
    canvas.line(smile, 0.014, mix(skin, _INK, 0.72))
    if rng.random() < 0.3:
        for side in (-1, 1):
            ring = [
                (
                    0.5 + side * 0.085 + 0.058 * math.cos(math.tau * step / 24),
                    0.465 + 0.058 * math.sin(math.tau * step / 24),
                )
                for step in range(25)
            ]
            canvas.line(ring, 0.013, _INK)
        canvas.line([(0.47, 0.462), (0.53, 0.462)], 0.013, _INK)


def _headphones(canvas: Canvas, palette: Palette) -> None:
    band = [
        (0.5 + 0.232 * math.cos(turn), 0.46 + 0.262 * math.sin(turn))
        for turn in (math.pi * (1 + step / 20) for step in range(21))
    ]
    canvas.line(band, 0.028, palette.dark)
    for side in (-1, 1):
        canvas.box((0.5 + side * 0.225 - 0.038, 0.405), 0.076, 0.15, palette.dark, 0.035)
        canvas.box((0.5 + side * 0.238 - 0.018, 0.435), 0.036, 0.09, palette.accent, 0.017)


def _animal(canvas: Canvas, palette: Palette, rng: random.Random) -> None:
    fur = rng.choice(_ANIMALS)
    shade = mix(fur.coat, _INK, 0.2)
    canvas.ellipse((0.5, 1.06), 0.36, 0.32, palette.middle)
    canvas.ellipse((0.5, 0.86), 0.2, 0.12, shade)
    for side in (-1, 1):
        _ear(canvas, fur, side)
    canvas.ellipse((0.5, 0.52), 0.255, 0.235, fur.coat)
    if fur.ears == "pointed":  # cheeks of another colour
        for side in (-1, 1):
            canvas.ellipse((0.5 + side * 0.11, 0.61), 0.13, 0.115, fur.light)
        canvas.polygon([(0.5, 0.3), (0.57, 0.54), (0.5, 0.62), (0.43, 0.54)], fur.coat)
    canvas.ellipse((0.5, 0.605), 0.1, 0.08, mix(fur.light, _WHITE, 0.3))
    for side in (-1, 1):
        canvas.circle((0.5 + side * 0.105, 0.495), 0.024, _INK)
        canvas.circle((0.5 + side * 0.105 + 0.008, 0.487), 0.008, _WHITE)
    canvas.ellipse((0.5, 0.57), 0.032, 0.022, _INK)
    for side in (-1, 1):
        smile = [
            (0.5 + side * 0.024 * (1 - math.cos(turn)), 0.592 + 0.028 * math.sin(turn))
            for turn in (math.pi * step / 8 for step in range(9))
        ]
        canvas.line(smile, 0.011, _INK)


def _ear(canvas: Canvas, fur: _Fur, side: int) -> None:
    inner = mix(fur.light, rgb("f2a6a0"), 0.4)
    if fur.ears == "round":
        canvas.circle((0.5 + side * 0.19, 0.345), 0.09, fur.coat)
        canvas.circle((0.5 + side * 0.19, 0.35), 0.05, inner)
    elif fur.ears == "long":
        canvas.leaf((0.5 + side * 0.1, 0.22), 0.38, 0.13, math.pi / 2 + side * 0.12, fur.coat)
        canvas.leaf((0.5 + side * 0.1, 0.23), 0.28, 0.07, math.pi / 2 + side * 0.12, inner)
    else:
        points = [(0.06, 0.36), (0.235, 0.185), (0.255, 0.5)]
        canvas.polygon([(0.5 + side * x, y) for x, y in points], fur.coat)
        points = [(0.12, 0.36), (0.21, 0.25), (0.222, 0.42)]
        canvas.polygon([(0.5 + side * x, y) for x, y in points], inner)
