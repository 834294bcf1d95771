"""Colours that go together. A picture chooses among them by its path."""

import random
from hashlib import sha256
from typing import Final, NamedTuple

from simulator.canvas import Rgb, mix, rgb


class Palette(NamedTuple):
    """From the background's light end to the darkest foreground, and one colour that stands out."""

    sky: Rgb
    haze: Rgb
    middle: Rgb
    dark: Rgb
    accent: Rgb

    def layer(self, share: float) -> Rgb:
        """Between the middle (0) and the dark (1) colour."""
        return mix(self.middle, self.dark, share)


def _palette(text: str) -> Palette:
    return Palette(*map(rgb, text.split()))


PALETTES: Final = tuple(
    map(
        _palette,
        (
            "ffd6a5 ff8c69 a8326e 2d1b4e fff1d6",  # evening
            "bfe3e0 5fb3b3 1f6f78 0b3142 ffb454",  # lagoon
            "f7e1d7 e8a598 b5566b 4a2545 ffe9b8",  # rose
            "c9d6ff 7f8cf0 4438a8 17134a ffd166",  # night blue
            "e9f5db a3c585 4f7f4f 1f3a2d f9c74f",  # forest
            "fde2b3 f2a541 d1603d 3b1f2b fff4dc",  # desert
            "dfe7fd 9bb1e0 5b6fa8 232a4d ff8fa3",  # dawn
            "ffe5ec ff99b9 c9407f 511845 ffd9a0",  # candy
            "d7f9f1 6fd6c5 207a80 0d2f3f ff7f6b",  # mint
            "f4f1de e0a16d 7d6b91 2f2a4a f2cc8f",  # sand
            "e2d4f7 a98be0 6a3fa0 21113f 7fe7dc",  # violet
            "d9ecff 86b9f0 2f6db5 0c2547 ffdf6b",  # harbour
        ),
    )
)


def dice(seed: str) -> random.Random:
    """The same choices for the same seed, in every run and on every machine."""
    return random.Random(sha256(seed.encode()).digest())
