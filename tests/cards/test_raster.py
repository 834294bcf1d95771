"""PNGs are sharp, and always below 1 MB."""

from __future__ import annotations

import io
import random

from PIL import Image

from services.cards import card_model
from services.cards.card_options import CardOptions
from services.cards.render.card import card
from services.cards.render.raster import MAX_PNG_BYTES, bounded_png
from services.cards.render_jobs import CardImage, DrawCard
from tests.cards.sample_users import AT_WORK, AUDIBERT, CDN, IMAGES, like


def noise(width: int, height: int) -> CardImage:
    """No image is harder to compress."""
    file = io.BytesIO()
    pixels = random.Random(1).randbytes(3 * width * height)
    Image.frombytes("RGB", (width, height), pixels).save(file, "JPEG", quality=60)
    return CardImage("image/jpeg", file.getvalue(), width, height, "#808080")


def drawn(images: dict[str, CardImage]) -> bytes:
    options = CardOptions(banner="true", nameplate=True, width=900)
    user = like(AUDIBERT, banner_image=f"{CDN}/banners/1/1.png")
    model, _ = card_model.build(user, AT_WORK, options)
    return bounded_png(card(DrawCard(model, options, images, 0, None, True)))


def test_a_card_that_compresses_badly_has_fewer_pixels() -> None:
    """The widest one, with a banner and a nameplate of noise."""
    usual = drawn(IMAGES)
    noisy = drawn({**IMAGES, "banner": noise(900, 225), "nameplate": noise(672, 126)})
    assert Image.open(io.BytesIO(usual)).width == 1800
    assert Image.open(io.BytesIO(noisy)).width in (900, 1260)
    assert max(len(usual), len(noisy)) <= MAX_PNG_BYTES
