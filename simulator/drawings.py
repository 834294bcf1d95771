"""What the CDN's pictures look like: small patterns whose colours come from their path."""

import colorsys
from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256
from typing import Final, Literal

from simulator.png import Colour, png

Shape = Literal["identicon", "tile", "shield", "ring", "smile", "stripes"]

_CELLS: Final = 8
_CLEAR: Final[Colour] = (0, 0, 0, 0)
# blurple, grey, green, yellow, red, pink: Discord's default avatars in their order.
_DEFAULTS: Final[tuple[Colour, ...]] = (
    (88, 101, 242, 255),
    (116, 127, 141, 255),
    (59, 165, 93, 255),
    (250, 166, 26, 255),
    (237, 66, 69, 255),
    (235, 69, 158, 255),
)


@lru_cache(maxsize=512)
def drawing(shape: Shape, seed: str, width: int, height: int) -> bytes:
    """A PNG. The same arguments always give the same bytes."""
    digest = sha256(seed.encode()).digest()
    cells = _SHAPES[shape](digest)
    return png(_scaled(cells, width, height), (_CLEAR, *_colours(digest)))


@lru_cache(maxsize=16)
def default_avatar(number: int, size: int) -> bytes:
    """A default avatar."""
    colours = (_CLEAR, _DEFAULTS[number % len(_DEFAULTS)], (255, 255, 255, 255))
    return png(_scaled(_smile(b"\0" * 32), size, size), colours)


def _colours(digest: bytes) -> tuple[Colour, Colour]:
    """A dark and a light one of the same family."""
    hue = digest[0] / 255
    dark = colorsys.hls_to_rgb(hue, 0.42, 0.6)
    light = colorsys.hls_to_rgb((hue + 0.08) % 1, 0.82, 0.7)
    return _opaque(dark), _opaque(light)


def _opaque(colour: tuple[float, float, float]) -> Colour:
    red, green, blue = (int(part * 255) for part in colour)
    return red, green, blue, 255


def _scaled(cells: list[bytes], width: int, height: int) -> list[bytes]:
    """The cells blown up to so many pixels, hard-edged."""
    columns = [x * len(cells[0]) // width for x in range(width)]
    rows = [bytes(row[column] for column in columns) for row in cells]
    return [rows[y * len(cells) // height] for y in range(height)]


def _identicon(digest: bytes) -> list[bytes]:
    """Left and right mirror each other, as in a face; the border stays free."""
    rows = []
    for y in range(_CELLS):
        half = [1 + (digest[(y * 4 + x) % 32] >> 4 & 1) for x in range(_CELLS // 2)]
        if y in {0, _CELLS - 1}:
            half = [1] * (_CELLS // 2)
        half[0] = 1
        rows.append(bytes(half + half[::-1]))
    return rows


def _tile(digest: bytes) -> list[bytes]:
    return [
        bytes(1 + (digest[(y // 2 * 4 + x // 2) % 32] & 1) for x in range(_CELLS))
        for y in range(_CELLS)
    ]


def _stripes(digest: bytes) -> list[bytes]:
    slant = 2 + digest[1] % 4
    return [bytes(1 + ((x + y) // slant & 1) for x in range(16)) for y in range(_CELLS)]


def _from_text(*lines: str) -> list[bytes]:
    return [bytes(int(cell) for cell in line) for line in lines]


def _shield(digest: bytes) -> list[bytes]:
    mark = "2" if digest[2] & 1 else "1"
    return _from_text(
        "01111110",
        "11222211",
        f"112{mark}{mark}211",
        f"112{mark}{mark}211",
        "11222211",
        "01122110",
        "00111100",
        "00011000",
    )


def _ring(digest: bytes) -> list[bytes]:
    gem = "2" if digest[2] & 1 else "1"
    return _from_text(
        f"0111{gem}110",
        "11000011",
        "10000001",
        "20000002",
        "20000002",
        "10000001",
        "11000011",
        "01111110",
    )


def _smile(digest: bytes) -> list[bytes]:
    mouth = "12222221" if digest[2] & 1 else "11222211"
    return _from_text(
        "01111110",
        "11111111",
        "11211211",
        "11211211",
        "11111111",
        mouth,
        "11122111",
        "01111110",
    )


_SHAPES: Final[dict[Shape, Callable[[bytes], list[bytes]]]] = {
    "identicon": _identicon,
    "tile": _tile,
    "shield": _shield,
    "ring": _ring,
    "smile": _smile,
    "stripes": _stripes,
}
