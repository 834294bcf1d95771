"""SVG to PNG, by resvg."""

from __future__ import annotations

from typing import Final

import resvg_py

MAX_PNG_BYTES: Final = 1_000_000
SCALE: Final = 2.0  # pixels for each unit: sharp on high-density screens


def png(svg: str, scale: float = SCALE, *, system_fonts: bool = True) -> bytes:
    """The system's fonts are loaded only where a character needs one of them.

    `system_fonts` False: they never are, and such a character is left out.
    """
    own = "<text" not in svg or not system_fonts
    return bytes(resvg_py.svg_to_bytes(svg_string=svg, zoom=scale, skip_system_fonts=own))


def bounded_png(svg: str) -> bytes:
    """As sharp as fits into MAX_PNG_BYTES: a wide card with a banner may not, at SCALE."""
    for scale in (SCALE, 0.7 * SCALE, 0.5 * SCALE):
        image = png(svg, scale)
        if len(image) <= MAX_PNG_BYTES:
            break
    return image
