"""The messages between the cards service and its render processes: msgpack, one at a time."""

from __future__ import annotations

from msgspec import Struct

from services.cards.card_model import CardModel
from services.cards.card_options import CardOptions
from services.cards.now_playing import NowPlayingModel


class CardImage(Struct, frozen=True):
    """An image that is safe to embed: encoded by a render process, never as it was fetched."""

    media_type: str
    data: bytes
    width: int  # px
    height: int  # px
    dominant_color: str  # `#rrggbb`
    animated: bool = False


class ScaleImage(Struct, frozen=True, tag=True):
    """Turn what a foreign server sent into a CardImage. Answered by ScaledImage or ScaleFailed."""

    data: bytes
    role: str
    animated: bool


class DrawCard(Struct, frozen=True, tag=True):
    """Answered by Rendered."""

    model: CardModel
    options: CardOptions
    images: dict[str, CardImage]  # by role; the layout copes with missing ones
    now: int  # ms since 1970
    silent_for: int | None  # seconds without news from Discord, once they are too many
    png: bool


class DrawNowPlaying(Struct, frozen=True, tag=True):
    """Answered by Rendered."""

    model: NowPlayingModel
    options: CardOptions
    images: dict[str, CardImage]  # by role: the art
    now: int  # ms since 1970
    silent_for: int | None  # as in DrawCard
    png: bool


class DrawPlaceholder(Struct, frozen=True, tag=True):
    """A card that explains a problem. Answered by Rendered."""

    title: str
    text: str
    options: CardOptions
    png: bool


class DrawBadge(Struct, frozen=True, tag=True):
    """Answered by Rendered."""

    label: str
    message: str
    color: str  # `#rrggbb`
    style: str


class Rendered(Struct, frozen=True, tag=True):
    body: bytes  # SVG or PNG


class ScaledImage(Struct, frozen=True, tag=True):
    image: CardImage


class ScaleFailed(Struct, frozen=True, tag=True):
    reason: str


RenderJob = ScaleImage | DrawCard | DrawNowPlaying | DrawPlaceholder | DrawBadge
RenderResult = Rendered | ScaledImage | ScaleFailed
