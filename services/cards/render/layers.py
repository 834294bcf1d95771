"""What lies between the page and the texts of a card: background, glow, nameplate, panel, wash."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, product
from typing import Final

import msgspec
from msgspec import Struct

from services.cards.render.contrast import BLACK, TEXT_CONTRAST, WHITE, backdrop, mix

_STRENGTHS: Final = (1.0, 0.75, 0.5, 0.25, 0.1, 0.0)
GLOW_RADIUS: Final = 0.72  # of the card's width
_GLOW_TO_TEXT_PX: Final = 40  # from the center of the glow to the nearest text, at least
_GLOW_TO_PANEL_TEXT_PX: Final = 60
GLOW_TO_STATUS_PX: Final = 80
_ART_PX: Final = 78  # from the panel's left edge to the nearest text, at least


class Layers(Struct, frozen=True, kw_only=True):
    """What lies between the page and the texts."""

    bases: tuple[str, ...]  # the colors of the background
    accent: str
    glow: float  # opacity at its center
    panel: str
    panel_opacity: float
    track: str
    track_opacity: float
    tone: str | None  # of the panel's wash
    wash: float  # opacity at its left
    nameplate: float  # opacity behind texts
    width: int  # px

    def card(self, nearest_px: int = _GLOW_TO_TEXT_PX) -> Iterator[str]:
        """The colors behind what is outside of the panel, and so far from the glow's center."""
        reach = max(0.0, 1 - nearest_px / (GLOW_RADIUS * self.width))
        parts = (0, 0.25, 0.5, 0.75, 1) if self.glow else (0,)
        for base, part in product(self.bases, parts):
            seen = mix(base, self.accent, self.glow * reach * part)
            yield seen
            if self.nameplate:  # an image of any color
                yield mix(seen, WHITE, self.nameplate)
                yield mix(seen, BLACK, self.nameplate)

    def tag(self) -> Iterator[str]:
        for seen in self.card():
            yield mix(seen, self.track, self.track_opacity)

    def inside(self) -> Iterator[str]:
        """The colors behind the texts in the panel."""
        nearest = _ART_PX / (self.width - 24) / 1.1225  # of the length of the gradient
        for seen in msgspec.structs.replace(self, nameplate=0.0).card(_GLOW_TO_PANEL_TEXT_PX):
            plain = mix(seen, self.panel, self.panel_opacity)
            if self.tone is None or not self.wash:
                yield plain
                continue
            for part in (nearest, 0.4, 0.6, 0.8, 1):
                yield mix(plain, self.tone, self.wash * (1 - 0.8 * part))


def legible_layers(layers: Layers, text: str) -> Layers:
    """The layers, as strong as is possible with legible texts.

    `text`: WHITE or BLACK, to which the color of every text is near.
    """
    other = BLACK if text == WHITE else WHITE
    for strength in _STRENGTHS:
        for shade in (layers.panel, other):
            tried = msgspec.structs.replace(
                layers,
                glow=layers.glow * strength,
                panel=shade,
                wash=layers.wash * strength,
                track=layers.track if shade == layers.panel else other,
                nameplate=layers.nameplate * strength,
            )
            everywhere = chain(tried.card(), tried.inside(), tried.tag())
            if all(backdrop([seen]).contrasts(text, TEXT_CONTRAST) for seen in everywhere):
                return tried
    return tried
