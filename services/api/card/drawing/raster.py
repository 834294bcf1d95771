"""SVG to PNG, by resvg: the very same drawing."""

from __future__ import annotations

from typing import Final

import resvg_py

SCALE: Final = 2.0  # pixels for each unit: sharp on dense screens


def png(svg: str, scale: float = SCALE, *, system_fonts: bool = True) -> bytes:
    """The system's fonts are looked through only where a character needs one of them.

    `system_fonts` False: not even then, and that character is left out.
    """
    own = "<text" not in svg or not system_fonts
    return bytes(resvg_py.svg_to_bytes(svg_string=svg, zoom=scale, skip_system_fonts=own))
