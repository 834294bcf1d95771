"""What the api and the processes that draw say to each other: msgpack, one message at a time."""

from __future__ import annotations

from msgspec import Struct

from services.api.card.look import Look
from services.api.card.subject import Subject


class Picture(Struct, frozen=True):
    """A picture that is fit to be put into a card: made here, never as it was fetched."""

    kind: str  # media type
    data: bytes
    width: int
    height: int
    tone: str  # its most striking colour, `#rrggbb`
    moves: bool = False


class Scale(Struct, frozen=True, tag=True):
    """Make a Picture of what a stranger's server sent. Answered by Scaled or Failed."""

    data: bytes
    role: str
    moves: bool


class DrawCard(Struct, frozen=True, tag=True):
    """Answered by Drawn."""

    subject: Subject
    look: Look
    pictures: dict[str, Picture]  # by role; those that are missing are drawn around
    now: int  # ms since 1970
    silent_for: int | None  # seconds that nothing was heard from Discord, once they are many
    png: bool


class DrawNotice(Struct, frozen=True, tag=True):
    """A card that says what is wrong. Answered by Drawn."""

    title: str
    text: str
    look: Look
    png: bool


class DrawBadge(Struct, frozen=True, tag=True):
    """Answered by Drawn."""

    label: str
    message: str
    colour: str  # `#rrggbb`
    style: str


class Drawn(Struct, frozen=True, tag=True):
    body: bytes


class Scaled(Struct, frozen=True, tag=True):
    picture: Picture


class Failed(Struct, frozen=True, tag=True):
    why: str


Job = Scale | DrawCard | DrawNotice | DrawBadge
Result = Drawn | Scaled | Failed
