"""The colors of the two themes, and those derived from `bg` and `accent`.

A text has its theme's color if that is legible on everything behind it: background, glow, panel,
the wash of the panel, and a nameplate. Otherwise it is mixed with white or black until it is. Where
even white and black are not legible, the layers above the background get weaker.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, Literal

import msgspec
from msgspec import Struct

from services.cards.card_options import CardOptions
from services.cards.render import gradients
from services.cards.render.contrast import (
    BLACK,
    GRAPHIC_CONTRAST,
    TEXT_CONTRAST,
    WHITE,
    Backdrop,
    backdrop,
    lightened,
    luminance,
    mix,
)
from services.cards.render.gradients import Gradient
from services.cards.render.layers import (
    GLOW_TO_STATUS_PX,
    Layers,
    legible_layers,
)
from shared.model.snapshot import Status

Role = Literal["text", "soft", "faint", "live", "tag", "base", "panel", "edge", "track"]
Name = Literal["dark", "light"]

# Color and opacity.
_DARK: Final[dict[Role, tuple[str, float]]] = {
    "text": ("#f3f4f6", 1),
    "soft": ("#b4b9c2", 1),
    "faint": ("#8b919d", 1),
    "live": ("#45c57c", 1),  # running clocks
    "tag": ("#f3f4f6", 1),
    "base": ("#17181c", 1),
    "panel": ("#ffffff", 0.055),
    "edge": ("#ffffff", 0.09),
    "track": ("#ffffff", 0.16),
}
_LIGHT: Final[dict[Role, tuple[str, float]]] = {
    "text": ("#16181d", 1),
    "soft": ("#4b515c", 1),
    "faint": ("#69707d", 1),
    "live": ("#14803f", 1),
    "tag": ("#16181d", 1),
    "base": ("#ffffff", 1),
    "panel": ("#0b1020", 0.04),
    "edge": ("#0b1020", 0.1),
    "track": ("#0b1020", 0.13),
}
_THEMES: Final = {"dark": _DARK, "light": _LIGHT}
_TEXTS: Final[tuple[Role, ...]] = ("text", "soft", "faint", "live", "tag")
_TEXT: Final[dict[Name, str]] = {"dark": WHITE, "light": BLACK}  # texts are near this color
_GLOW: Final = {"dark": 0.30, "light": 0.16}  # opacity at the center
_WASH: Final = {"dark": 0.26, "light": 0.17}  # opacity at the left; a fifth of it at the right
NAMEPLATE_BEHIND_TEXT: Final = 0.14  # opacity, at most

STATUS: Final[dict[Status, str]] = {
    "online": "#23a55a",
    "idle": "#f0b232",
    "dnd": "#f23f43",
    "invisible": "#80848e",
}
STREAMING: Final = "#8b5cf6"
SPOTIFY: Final = "#1ed760"
BLURPLE: Final = "#5865f2"

Colors = Mapping[Role, str]


class Palette(Struct, frozen=True, kw_only=True):
    """The colors of one card."""

    name: Name
    follows_viewer: bool  # their system's preference for light or dark
    base: str | None  # the background; None: there is none
    gradient: Gradient | None  # the background, where it is one
    opacity: float  # of the background
    accent: str
    glow: float  # opacity at its center
    wash: float  # opacity at the panel's left
    panel: tuple[str, float]  # color and opacity
    track: tuple[str, float]  # the same
    nameplate: float  # opacity behind texts
    tag: str | None  # the background of the server tag, where the options name one
    colors: Colors  # of texts
    panel_colors: Colors  # of texts in the panel
    light_colors: Colors  # of all texts, if the viewer prefers a light card
    behind: tuple[str, ...]  # the colors that are seen around the name
    light_behind: tuple[str, ...]
    behind_status: Backdrop  # what is seen around the avatar's status
    light_behind_status: Backdrop
    behind_panel: Backdrop  # what is seen between the panel's texts

    @property
    def inside(self) -> Palette:
        """The palette for what is drawn in the panel."""
        return msgspec.structs.replace(self, colors=self.panel_colors)

    def paint(self, role: Role) -> str:
        """Attributes of an element that is filled with this color."""
        color, opacity = _THEMES[self.name][role]
        if role in self.colors:
            color = self.colors[role]
        elif role == "base" and self.base is not None:
            color, opacity = self.base, self.opacity
        elif role in ("panel", "track"):
            color, opacity = self.panel if role == "panel" else self.track
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
            return self.paint("tag")
        return f'fill="{"#fff" if luminance(self.tag) < 0.179 else "#000"}"'

    def status(self, color: str) -> tuple[str, str]:
        """The color of the status, as it is seen on this card and on its light variant."""
        towards = WHITE if self.name == "dark" else BLACK
        return (
            self.behind_status.legible(color, GRAPHIC_CONTRAST, towards),
            self.light_behind_status.legible(color, GRAPHIC_CONTRAST, BLACK),
        )

    @property
    def spotify(self) -> str:
        """Attributes of Spotify's icon beside the heading."""
        towards = WHITE if self.name == "dark" else BLACK
        green = SPOTIFY if self.name == "dark" else _LIGHT["live"][0]
        color = self.behind_panel.legible(green, GRAPHIC_CONTRAST, towards)
        return f'fill="{color}"' + (' class="live"' if self.follows_viewer else "")

    @property
    def style(self) -> str:
        """CSS that makes a dark card light where the viewer prefers that."""
        if not self.follows_viewer:
            return ""
        rules = "".join(
            f".{role}{{{what}:{self.light_colors.get(role, color)};{what}-opacity:{opacity:g}}}"
            for role, (color, opacity) in _LIGHT.items()
            for what in ("stroke" if role == "edge" else "fill",)
        )
        return f"@media (prefers-color-scheme:light){{{rules}}}"


@lru_cache(maxsize=256)
def palette(
    options: CardOptions, accent: str | None, *, tone: str | None = None, nameplate: bool = False
) -> Palette:
    """`accent`: the user's own, `#rrggbb`, for options that name none.

    `tone`: the color of the panel's wash, where it is not the accent. `nameplate`: one is shown.
    """
    own = options.bg is not None
    gradient = gradients.parse(options.bg) if options.bg else None
    solid = options.bg if options.bg and not gradient and options.bg != "transparent" else None
    theme: Name = "light" if options.theme == "light" else "dark"
    page = _THEMES[theme]["base"][0]
    opacity = int(solid[6:], 16) / 255 if solid and solid[6:] else 1.0
    seen: tuple[str, ...] = (
        mix(page, f"#{solid[:6]}", opacity) if solid else page,
    )  # on a page like the theme
    name = _readable_theme(theme, gradient.samples() if gradient else seen)
    if gradient:
        gradient = gradient.legible(_TEXT[name])
        seen = gradient.samples()
    if options.accent:
        chosen = f"#{options.accent}"
    else:
        bounds = (0.16, 1.0) if name == "dark" else (0.0, 0.3)
        chosen = lightened(accent or BLURPLE, *bounds)
    layers = legible_layers(
        Layers(
            bases=seen,
            accent=chosen,
            glow=0.0 if own and not options.accent else _GLOW[name],
            panel=_THEMES[name]["panel"][0],
            panel_opacity=_THEMES[name]["panel"][1],
            track=_THEMES[name]["track"][0],
            track_opacity=_THEMES[name]["track"][1],
            tone=tone or chosen,
            wash=_WASH[name] if options.layout == "full" else 0.0,
            nameplate=NAMEPLATE_BEHIND_TEXT if nameplate else 0.0,
            width=options.width,
        ),
        WHITE if name == "dark" else BLACK,
    )
    light = msgspec.structs.replace(
        layers,
        bases=(_LIGHT["base"][0],),
        panel=_LIGHT["panel"][0],
        panel_opacity=_LIGHT["panel"][1],
        track=_LIGHT["track"][0],
        track_opacity=_LIGHT["track"][1],
    )
    behind = tuple(layers.card())
    behind_panel = backdrop(layers.inside())
    light_everywhere = backdrop([*light.card(), *light.inside(), *light.tag()])
    return Palette(
        name=name,
        follows_viewer=options.theme == "auto" and not (solid or gradient),
        base=f"#{solid[:6]}" if solid else seen[0] if gradient else None if own else page,
        gradient=gradient,
        opacity=opacity,
        accent=chosen,
        glow=layers.glow,
        wash=layers.wash,
        panel=(layers.panel, layers.panel_opacity),
        track=(layers.track, layers.track_opacity),
        nameplate=layers.nameplate,
        tag=f"#{options.tag_bg}" if options.tag_bg else None,
        colors=_text_colors(name, backdrop(behind), backdrop(layers.tag())),
        panel_colors=_text_colors(name, behind_panel, behind_panel),
        light_colors=_text_colors("light", light_everywhere, light_everywhere),
        behind=behind,
        light_behind=tuple(light.card()),
        behind_status=backdrop(layers.card(GLOW_TO_STATUS_PX)),
        light_behind_status=backdrop(light.card(GLOW_TO_STATUS_PX)),
        behind_panel=behind_panel,
    )


def _readable_theme(theme: Name, bases: Sequence[str]) -> Name:
    """The theme, if white texts (of a light one: black ones) are legible on these colors.

    Where neither white nor black is, a gradient changes, and the theme stays.
    """
    behind = backdrop(bases)
    other: Name = "light" if theme == "dark" else "dark"
    return next(
        (each for each in (theme, other) if behind.contrasts(_TEXT[each], TEXT_CONTRAST)), theme
    )


def _text_colors(name: Name, behind: Backdrop, behind_tag: Backdrop) -> Colors:
    towards = WHITE if name == "dark" else BLACK
    return {
        role: (behind_tag if role == "tag" else behind).legible(
            _THEMES[name][role][0], TEXT_CONTRAST, towards
        )
        for role in _TEXTS
    }
