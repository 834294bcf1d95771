"""The avatar with its decoration and the status, at any size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from services.cards.card_model import CardModel
from services.cards.render import icons
from services.cards.render.canvas import Canvas, num
from services.cards.render.theme import STATUS, STREAMING, Palette
from services.cards.render_jobs import CardImage

_DECORATION: Final = 1.2  # of the avatar: Discord's own proportion
_DOT: Final = 21 / 80  # the same
_MIN_DOT_PX: Final = 13


def draw(
    canvas: Canvas,
    model: CardModel,
    images: Mapping[str, CardImage],
    palette: Palette,
    x: float,
    y: float,
    size: float,
) -> None:
    """`x`, `y`: the corner of the avatar's box."""
    middle_x, middle_y = x + size / 2, y + size / 2
    dot = max(_MIN_DOT_PX, size * _DOT)
    dot_x, dot_y = x + size - dot / 2 - 1, y + size - dot / 2 - 1
    mobile = model.mobile and not model.streaming
    scale = dot / 21
    cut = (
        f'<rect x="{num(dot_x - 11 * scale)}" y="{num(dot_y - 15 * scale)}"'
        f' width="{num(22 * scale)}" height="{num(30 * scale)}" rx="{num(6 * scale)}"/>'
        if mobile
        else f'<circle cx="{num(dot_x)}" cy="{num(dot_y)}" r="{num(dot / 2 + 4 * scale)}"/>'
    )
    disc = f'<circle cx="{num(middle_x)}" cy="{num(middle_y)}" r="{num(size / 2)}" fill="#fff"/>'
    canvas.add(f'<g mask="{canvas.define("mask", "", disc, cut)}">')
    avatar = images.get("avatar")
    if avatar is not None:
        canvas.image(avatar, x, y, size, size)
    else:
        canvas.add(f'<rect x="{num(x)}" y="{num(y)}" width="{num(size)}" height="{num(size)}"')
        canvas.add(f' fill="{palette.accent}"/>')
        canvas.add(icons.person(middle_x, middle_y, size, 'fill="#fff" fill-opacity=".9"'))
    canvas.add("</g>")
    decoration = images.get("decoration")
    if decoration is not None:
        side = size * _DECORATION
        left, top = middle_x - side / 2, middle_y - side / 2
        whole = (
            f'<rect x="{num(left)}" y="{num(top)}" width="{num(side)}" height="{num(side)}"'
            ' fill="#fff"/>'
        )
        mask = canvas.define("mask", "", whole, cut)
        canvas.image(decoration, left, top, side, side, f'mask="{mask}"')
    name = "streaming" if model.streaming else "mobile" if mobile else model.status
    color = STREAMING if model.streaming else STATUS[model.status]
    shown, shown_light = palette.status(color)
    paint = f'fill="{shown}"'
    if palette.follows_viewer and shown != shown_light:
        paint += ' class="dot"'
        canvas.style(f"@media (prefers-color-scheme:light){{.dot{{fill:{shown_light}}}}}")
    canvas.add(icons.status(dot_x, dot_y, dot, name, paint))
