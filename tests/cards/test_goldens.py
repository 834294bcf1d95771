"""The cards have the pixels of the goldens, which a person has looked at.

They are the same on every machine: text is outlines of our own fonts, resvg uses neither a GPU nor
the system's fonts, simulator/png.py makes the images, and the clock stands. What may differ is the
last bit of a floating point number, so a pixel may differ by a little.
"""

from __future__ import annotations

import io

from PIL import Image, ImageChops

from tests.cards.golden_cards import CASES, FOLDER, rendered

TOLERANCE = 10  # of 255
MAX_DIFFERENT_PIXELS = 12  # by more than the tolerance


def test_every_card_looks_as_it_did() -> None:
    """Run `make goldens` after a change that is meant, and options at what it did."""
    different = {}
    for name, image in rendered():
        now = Image.open(io.BytesIO(image)).convert("RGBA")
        golden = Image.open(FOLDER / f"{name}.png").convert("RGBA")
        assert now.size == golden.size, name
        changes = ImageChops.difference(now, golden)
        worst = changes.getchannel("R")
        for channel in "GBA":
            worst = ImageChops.lighter(worst, changes.getchannel(channel))
        changed = sum(worst.histogram()[TOLERANCE + 1 :])
        if changed > MAX_DIFFERENT_PIXELS:
            different[name] = changed
    assert different == {}


def test_a_changed_letter_is_detected() -> None:
    """The tolerance is not so wide that a golden proves nothing."""
    images = dict(rendered())
    one, other = (
        Image.open(io.BytesIO(images[name])).convert("RGBA").crop((110, 20, 240, 60))
        for name in ("playing-dark", "days")
    )
    changes = ImageChops.difference(one, other).convert("L")
    assert sum(changes.histogram()[TOLERANCE + 1 :]) > 10 * MAX_DIFFERENT_PIXELS


def test_nothing_is_left_over() -> None:
    """Each golden has its case."""
    assert {path.stem for path in FOLDER.glob("*.png")} == CASES.keys()
