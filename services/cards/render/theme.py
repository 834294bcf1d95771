"""The colors of the two themes, and those derived from `bg` and `accent`."""

from __future__ import annotations

import colorsys
from typing import Final, Literal

from msgspec import Struct

from services.cards.card_options import CardOptions
from shared.model.snapshot import Status

Role = Literal["text", "soft", "faint", "base", "panel", "edge", "track"]

# Color and opacity.
_DARK: Final[dict[Role, tuple[str, float]]] = {
    "text": ("#f3f4f6", 1),
    "soft": ("#b4b9c2", 1),
    "faint": ("#8b919d", 1),
    "base": ("#17181c", 1),
    "panel": ("#ffffff", 0.055),
    "edge": ("#ffffff", 0.09),
    "track": ("#ffffff", 0.16),
}
_LIGHT: Final[dict[Role, tuple[str, float]]] = {
    "text": ("#16181d", 1),
    "soft": ("#4b515c", 1),
    "faint": ("#69707d", 1),
    "base": ("#ffffff", 1),
    "panel": ("#0b1020", 0.04),
    "edge": ("#0b1020", 0.1),
    "track": ("#0b1020", 0.13),
}

STATUS: Final[dict[Status, str]] = {
    "online": "#23a55a",
    "idle": "#f0b232",
    "dnd": "#f23f43",
    "invisible": "#80848e",
}
STREAMING: Final = "#8b5cf6"
SPOTIFY: Final = "#1ed760"
LIVE: Final = {"dark": "#45c57c", "light": "#14803f"}  # running clocks
BLURPLE: Final = "#5865f2"


class Palette(Struct, frozen=True):
    """The colors of one card."""

    name: Literal["dark", "light"]
    follows_viewer: bool  # their system's preference for light or dark
    base: str | None  # the background; None: there is none
    opacity: float  # of the background
    own_base: bool  # chosen by `bg`: no glow covers it
    accent: str
    tag: str | None  # the background of the server tag, where the options name one

    def paint(self, role: Role) -> str:
        """Attributes of an element that is filled with this color."""
        color, opacity = _DARK[role] if self.name == "dark" else _LIGHT[role]
        if role == "base" and self.base is not None:
            color, opacity = self.base, self.opacity
        shade = f' fill-opacity="{opacity:g}"' if opacity != 1 else ""
        return f'fill="{color}"{shade}' + (f' class="{role}"' if self.follows_viewer else "")

    @property
    def edge(self) -> str:
        """Attributes of an outline."""
        return self.paint("edge").replace("fill", "stroke")

    @property
    def tag_background(self) -> str:
        """Attributes of the server tag's box."""
        return self.paint("track") if self.tag is None else f'fill="{self.tag}"'

    @property
    def tag_text(self) -> str:
        """Attributes of the server tag's text."""
        if self.tag is None:
            return self.paint("text")
        return f'fill="{"#fff" if luminance(self.tag) < 0.179 else "#000"}"'

    @property
    def live(self) -> str:
        return f'fill="{LIVE[self.name]}"' + (' class="live"' if self.follows_viewer else "")

    @property
    def style(self) -> str:
        """CSS that makes a dark card light where the viewer prefers that."""
        if not self.follows_viewer:
            return ""
        rules = "".join(
            f".{role}{{{what}:{color};{what}-opacity:{opacity:g}}}"
            for role, (color, opacity) in _LIGHT.items()
            for what in ("stroke" if role == "edge" else "fill",)
        )
        return f"@media (prefers-color-scheme:light){{{rules}.live{{fill:{LIVE['light']}}}}}"


def palette(options: CardOptions, accent: str | None) -> Palette:
    """`accent`: the user's own, `#rrggbb`, for options that name none."""
    own = options.bg is not None
    solid = options.bg if own and options.bg != "transparent" else None
    name: Literal["dark", "light"] = "light" if options.theme == "light" else "dark"
    opacity = int(solid[6:], 16) / 255 if solid and solid[6:] else 1.0
    if solid is not None:  # whatever the theme, the text must be readable
        seen = mix(_theme_base(name), f"#{solid[:6]}", opacity)  # on a page like the theme
        name = "light" if luminance(seen) > 0.36 else "dark"
    base = f"#{solid[:6]}" if solid else None if own else _theme_base(name)
    chosen = f"#{options.accent}" if options.accent else readable(accent or BLURPLE, name)
    tag = f"#{options.tag_bg}" if options.tag_bg else None
    follows_viewer = options.theme == "auto" and solid is None
    return Palette(name, follows_viewer, base, opacity, own, chosen, tag)


def _theme_base(name: Literal["dark", "light"]) -> str:
    return (_DARK if name == "dark" else _LIGHT)["base"][0]


def mix(under: str, over: str, opacity: float) -> str:
    """What is seen of a color that is partly covered by another one."""
    below, above = bytes.fromhex(under[1:]), bytes.fromhex(over[1:])
    parts = (b + (a - b) * opacity for b, a in zip(below, above, strict=True))
    return "#" + "".join(f"{round(part):02x}" for part in parts)


def luminance(color: str) -> float:
    """0 for black to 1 for white: WCAG 2, relative luminance."""
    parts = [part / 255 for part in bytes.fromhex(color[1:])]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def readable(color: str, name: Literal["dark", "light"]) -> str:
    """The color, lightened or darkened until it stands out from the background."""
    hue, lightness, saturation = colorsys.rgb_to_hls(
        *(part / 255 for part in bytes.fromhex(color[1:]))
    )
    for _ in range(20):
        now = luminance(color)
        if (now >= 0.16) if name == "dark" else (now <= 0.3):
            break
        lightness = min(1.0, lightness + 0.04) if name == "dark" else max(0.0, lightness - 0.04)
        color = _hex(colorsys.hls_to_rgb(hue, lightness, saturation))
    return color


def _hex(parts: tuple[float, float, float]) -> str:
    return "#" + "".join(f"{round(part * 255):02x}" for part in parts)
