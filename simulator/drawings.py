"""The CDN's pictures: each is drawn from its path, and looks the same in every run."""

from collections.abc import Callable
from functools import lru_cache
from random import Random
from typing import Final, Literal

from simulator import emblems, ornaments, portraits, scenes
from simulator.canvas import Canvas, Rgb
from simulator.palettes import dice

Shape = Literal[
    "portrait",
    "tile",
    "cover",
    "landscape",
    "banner",
    "nameplate",
    "badge",
    "decoration",
    "emoji",
]

# blurple, grey, green, yellow, red, pink: Discord's default avatars in their order.
_DEFAULTS: Final[tuple[Rgb, ...]] = (
    (88, 101, 242),
    (116, 127, 141),
    (59, 165, 93),
    (250, 166, 26),
    (237, 66, 69),
    (235, 69, 158),
)

_DRAW: Final[dict[str, Callable[[Canvas, str, Random], None]]] = {
    "portrait": lambda canvas, _, rng: portraits.portrait(canvas, rng),
    "tile": emblems.tile,
    "cover": lambda canvas, _, rng: scenes.cover(canvas, rng),
    "landscape": lambda canvas, _, rng: scenes.landscape(canvas, rng),
    "banner": lambda canvas, _, rng: scenes.banner(canvas, rng),
    "nameplate": scenes.nameplate,
    "badge": lambda canvas, _, rng: ornaments.badge(canvas, rng),
    "decoration": lambda canvas, _, rng: ornaments.decoration(canvas, rng),
    "emoji": emblems.emoji,
}


@lru_cache(maxsize=512)
def drawing(shape: Shape, seed: str, width: int, height: int) -> bytes:
    """A PNG. The same arguments always give the same bytes."""
    canvas = Canvas(width, height)
    _DRAW[shape](canvas, seed, dice(seed))
    return canvas.png()


@lru_cache(maxsize=16)
def default_avatar(number: int, size: int) -> bytes:
    """A default avatar."""
    canvas = Canvas(size, size)
    portraits.default_portrait(canvas, _DEFAULTS[number % len(_DEFAULTS)])
    return canvas.png()
