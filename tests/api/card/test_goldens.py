"""The cards' pixels are those that somebody has looked at.

They are the same on every machine: text is outlines of our own fonts, resvg draws without a
GPU or the system's fonts, the pictures are made by simulator/png.py, and the clock stands. What is
left is the last bit of a floating point number: so a pixel may differ by a little.
"""

from __future__ import annotations

import io

from PIL import Image, ImageChops

from tests.api.card.golden_cards import CASES, FOLDER, rendered

A_LITTLE = 10  # of 255
FEW = 12  # pixels that may differ by more


def test_every_card_looks_as_it_did() -> None:
    """Run `make goldens` after a change that is meant, and look at what it did."""
    different = {}
    for name, picture in rendered():
        now = Image.open(io.BytesIO(picture)).convert("RGBA")
        golden = Image.open(FOLDER / f"{name}.png").convert("RGBA")
        assert now.size == golden.size, name
        changes = ImageChops.difference(now, golden)
        worst = changes.getchannel("R")
        for channel in "GBA":
            worst = ImageChops.lighter(worst, changes.getchannel(channel))
        changed = sum(worst.histogram()[A_LITTLE + 1 :])
        if changed > FEW:
            different[name] = changed
    assert different == {}


def test_a_changed_letter_is_seen() -> None:
    """The tolerance is not so wide that a golden proves nothing."""
    pictures = dict(rendered())
    one, other = (
        Image.open(io.BytesIO(pictures[name])).convert("RGBA").crop((110, 20, 240, 60))
        for name in ("playing-dark", "days")
    )
    changes = ImageChops.difference(one, other).convert("L")
    assert sum(changes.histogram()[A_LITTLE + 1 :]) > 10 * FEW


def test_nothing_is_left_over() -> None:
    """Each golden has its case."""
    assert {path.stem for path in FOLDER.glob("*.png")} == CASES.keys()
