"""Round corners: nothing sticks out of the card or of its panel."""

from __future__ import annotations

import io
import re

import pytest
from PIL import Image, ImageChops

from services.cards import card_model
from services.cards.card_options import CardOptions
from services.cards.render.card import card
from services.cards.render.raster import png
from services.cards.render_jobs import DrawCard
from shared.model.snapshot import Presence
from tests.cards.sample_users import AT_WORK, AUDIBERT, IMAGES, LISTENING, NOTHING, NOW, like

ONE_LINE = like(LISTENING, spotify=like(LISTENING.spotify, artist=None, album=None))


@pytest.mark.parametrize("hide_profile", [False, True])
@pytest.mark.parametrize("presence", [AT_WORK, LISTENING, ONE_LINE, NOTHING])
@pytest.mark.parametrize("radius", [0, 1, 6, 16, 30, 45, 60])
def test_nothing_sticks_out(radius: int, presence: Presence, hide_profile: bool) -> None:
    """Neither the art of its panel nor anything of the card."""
    options = CardOptions(radius=radius, hide_profile=hide_profile, bg="ffffff")
    model, requests = card_model.build(AUDIBERT, presence, options)
    images = {each.role: IMAGES[each.role] for each in requests if each.role in IMAGES}
    svg = card(DrawCard(model, options, images, NOW, None, True))
    head = re.match(r"<svg [^>]*>", svg)
    assert head is not None
    boxes = re.findall(r'<rect x="[^"]*" y="[^"]*" width="[^"]*" height="[^"]*" rx="[^"]*"', svg)
    outline = next(box for box in boxes if box.startswith('<rect x="0" y="0"'))
    whole = _alpha(f'{head[0]}{outline} fill="#000"/></svg>')
    assert not ImageChops.subtract(_alpha(svg), whole).point(_clearly).getbbox()
    sides = re.search(r'height="([^"]*)" rx="([^"]*)"', outline)
    assert sides is not None
    assert float(sides[2]) <= float(sides[1]) / 2  # else the corner would be an ellipse
    if model.panel is None:
        return
    panel = next(box for box in boxes if box.startswith('<rect x="12"'))
    inside = _alpha(f'{head[0]}{panel} fill="#000"/></svg>')
    art = re.findall(r'<mask id="d[0-9]+">(<rect [^>]*rx="[^"]*" fill="#fff"/>)', svg)[-1]
    shape = _alpha(f"{head[0]}{art}</svg>")
    assert shape.getbbox()
    assert not ImageChops.subtract(shape, inside).point(_clearly).getbbox()


def _alpha(svg: str) -> Image.Image:
    return Image.open(io.BytesIO(png(svg, 2.0))).convert("RGBA").getchannel("A")


def _clearly(difference: int) -> int:
    return 255 * (difference > 40)
