"""Icons made of circles and lines, so that no third-party artwork is needed."""

from __future__ import annotations

from services.cards.card_model import Kind
from services.cards.render.canvas import num


def status(x: float, y: float, size: float, name: str, paint: str) -> str:
    """Around (x, y), as in Discord: they differ by shape as well as by color."""
    half = size / 2
    if name == "idle":  # a moon
        bite = size * 0.36
        shape = (
            f"M{num(x)} {num(y - half)}"
            f"A{num(half)} {num(half)} 0 1 1 {num(x - half)} {num(y)}"
            f"A{num(bite)} {num(bite)} 0 0 0 {num(x)} {num(y - half)}Z"
        )
        return f'<path d="{shape}" {paint}/>'
    if name == "mobile":
        width, height = size * 0.66, size * 1.06
        left, top = x - width / 2, y - height / 2
        body = _box(left, top, width, height, size * 0.16)
        screen = _box(
            left + size * 0.1, top + size * 0.14, width - size * 0.2, height - size * 0.42, 1
        )
        button = _disc(x, top + height - size * 0.15, size * 0.075)
        return f'<path fill-rule="evenodd" d="{body}{screen}{button}" {paint}/>'
    hole = ""
    if name == "dnd":
        hole = _box(x - half * 0.62, y - half * 0.2, half * 1.24, half * 0.4, half * 0.2)
    elif name == "invisible":
        hole = _disc(x, y, half * 0.5)
    elif name == "streaming":
        a, b = half * 0.3, half * 0.42
        hole = f"M{num(x - a)} {num(y - b)}L{num(x + a * 1.5)} {num(y)}L{num(x - a)} {num(y + b)}Z"
    return f'<path fill-rule="evenodd" d="{_disc(x, y, half)}{hole}" {paint}/>'


def activity(kind: Kind, x: float, y: float, size: float, paint: str) -> str:
    """Around (x, y), in place of a missing image."""
    s = size / 24
    shapes: dict[Kind, str] = {
        "game": (
            "M7 6h10a5.5 5.5 0 0 1 5.4 6.5l-.9 4.4a2.6 2.6 0 0 1-4.7 1L15 15.5H9l-1.8 2.4"
            "a2.6 2.6 0 0 1-4.7-1l-.9-4.4A5.5 5.5 0 0 1 7 6z"
            "M7.2 8.8v1.7H5.5v1.5h1.7v1.7h1.5V12h1.7v-1.5H8.7V8.8z"
            "M15 9.2a1.1 1.1 0 1 0 0 2.2a1.1 1.1 0 1 0 0-2.2z"
            "M18 11.2a1.1 1.1 0 1 0 0 2.2a1.1 1.1 0 1 0 0-2.2z"
        ),
        "song": ("M9 4.8l11-2.3v12.9a3.3 3.3 0 1 1-2-3V6.9l-7 1.5v9a3.3 3.3 0 1 1-2-3z"),
        "show": "M4 4h16a2 2 0 0 1 2 2v9a2 2 0 0 1-2 2H4a2 2 0 0 1-2-2V6a2 2 0 0 1 2-2z"
        "M4 6v9h16V6zM8 19h8v2H8zM10 7.8l5 2.7-5 2.7z",
        "stream": "M4 5h10a2 2 0 0 1 2 2v10a2 2 0 0 1-2 2H4a2 2 0 0 1-2-2V7a2 2 0 0 1 2-2z"
        "M17.5 10.2L22 7.2v9.6l-4.5-3z",
    }
    place = f"translate({num(x - size / 2)} {num(y - size / 2)}) scale({s:.4g})"
    return f'<path transform="{place}" fill-rule="evenodd" {paint} d="{shapes[kind]}"/>'


def person(x: float, y: float, size: float, paint: str) -> str:
    """Head and shoulders around (x, y), in place of a missing avatar."""
    head = _disc(x, y - size * 0.13, size * 0.17)
    side = size * 0.3
    body = (
        f"M{num(x - side)} {num(y + size * 0.36)}"
        f"A{num(side)} {num(size * 0.26)} 0 0 1 {num(x + side)} {num(y + size * 0.36)}Z"
    )
    return f'<path d="{head}{body}" {paint}/>'


def clock(x: float, y: float, size: float, paint: str) -> str:
    """Around (x, y)."""
    half, line = size / 2, size * 0.1
    rim = _disc(x, y, half) + _disc(x, y, half - line * 1.5)
    hand = (
        f"M{num(x - line * 0.7)} {num(y - half * 0.6)}h{num(line * 1.4)}v{num(half * 0.55)}"
        f"l{num(half * 0.42)} {num(half * 0.42)}l{num(-line)} {num(line)}"
        f"l{num(-half * 0.42 - line * 0.4)} {num(-half * 0.42 - line * 0.4)}z"
    )
    return f'<path fill-rule="evenodd" d="{rim}{hand}" {paint}/>'


def _disc(x: float, y: float, radius: float) -> str:
    r, across = num(radius), num(2 * radius)
    return f"M{num(x - radius)} {num(y)}a{r} {r} 0 1 0 {across} 0a{r} {r} 0 1 0 -{across} 0z"


def _box(x: float, y: float, width: float, height: float, radius: float) -> str:
    rounded = min(radius, width / 2, height / 2)
    r, across, down = num(rounded), num(width - 2 * rounded), num(height - 2 * rounded)
    return (
        f"M{num(x + rounded)} {num(y)}h{across}a{r} {r} 0 0 1 {r} {r}v{down}"
        f"a{r} {r} 0 0 1 -{r} {r}h-{across}a{r} {r} 0 0 1 -{r} -{r}v-{down}a{r} {r} 0 0 1 {r} -{r}z"
    )
