"""What makes a color legible: WCAG 2's relative luminance and contrast ratio.

Colors are `#rrggbb`. What is behind a text is a range of luminances: a text that contrasts with the
darkest and with the brightest of its background contrasts with all between them.
"""

from __future__ import annotations

import colorsys
from collections.abc import Iterable
from typing import Final

from msgspec import Struct

TEXT_CONTRAST: Final = 4.55  # WCAG 2 demands 4.5; colors are rounded to 8 bits
GRAPHIC_CONTRAST: Final = 3.05  # WCAG 2 demands 3
WHITE: Final = "#ffffff"
BLACK: Final = "#000000"
_STEPS: Final = 24
_LINEAR: Final = [
    part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
    for part in (number / 255 for number in range(256))
]
"""Of each value of a channel: its part of the luminance."""


class Backdrop(Struct, frozen=True):
    """The luminances of everything that is behind a text or a shape."""

    darkest: float
    brightest: float

    def contrasts(self, color: str, wanted: float) -> bool:
        """Whether a text of this color has the contrast everywhere."""
        own = luminance(color) + 0.05
        lighter = own >= wanted * (self.brightest + 0.05)
        return lighter or own * wanted <= self.darkest + 0.05

    def legible(self, color: str, wanted: float, towards: str) -> str:
        """The color, mixed with as little white or black as the contrast needs.

        `towards`: WHITE or BLACK, which is tried first. If no color is legible: `towards`.
        """
        for end in (towards, BLACK if towards == WHITE else WHITE):
            for step in range(_STEPS + 1):
                mixed = mix(color, end, step / _STEPS)
                if self.contrasts(mixed, wanted):
                    return mixed
        return towards


def backdrop(colors: Iterable[str]) -> Backdrop:
    """Of the colors that are seen there: at least one."""
    found = [luminance(color) for color in colors]
    return Backdrop(min(found), max(found))


def luminance(color: str) -> float:
    """0 for black to 1 for white: WCAG 2, relative luminance."""
    number = int(color[1:], 16)
    red, green, blue = number >> 16, number >> 8 & 255, number & 255
    return 0.2126 * _LINEAR[red] + 0.7152 * _LINEAR[green] + 0.0722 * _LINEAR[blue]


def mix(under: str, over: str, opacity: float) -> str:
    """What is seen of a color that is partly covered by another one."""
    below, above = int(under[1:], 16), int(over[1:], 16)
    red, green, blue = below >> 16, below >> 8 & 255, below & 255
    red_seen = round(red + ((above >> 16) - red) * opacity)
    green_seen = round(green + ((above >> 8 & 255) - green) * opacity)
    blue_seen = round(blue + ((above & 255) - blue) * opacity)
    return f"#{red_seen << 16 | green_seen << 8 | blue_seen:06x}"


def lightened(color: str, darkest: float, brightest: float) -> str:
    """The color in its own hue, lighter or darker until its luminance is within the bounds."""
    hue, lightness, saturation = colorsys.rgb_to_hls(
        *(part / 255 for part in bytes.fromhex(color[1:]))
    )
    for _ in range(20):
        now = luminance(color)
        if darkest <= now <= brightest:
            break
        lightness = min(1.0, lightness + 0.04) if now < darkest else max(0.0, lightness - 0.04)
        parts = colorsys.hls_to_rgb(hue, lightness, saturation)
        color = "#" + "".join(f"{round(part * 255):02x}" for part in parts)
    return color
