"""Foreign images: scaled down, encoded again, or rejected."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest
from PIL import Image

from services.cards.render import scaling
from services.cards.render.scaling import MAX_FRAMES, MAX_SIDE_PX, SIZE_LIMITS, InvalidImage, scale
from services.cards.render_jobs import CardImage
from tests.cards.image_server import GOOD, animation, blank, bomb


def encoded(image: Image.Image, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


def opened(scaled: CardImage) -> Image.Image:
    return Image.open(io.BytesIO(scaled.data))


@pytest.mark.parametrize("role", [*(role for role in SIZE_LIMITS if role != "badge"), "badge3"])
def test_every_place_gets_an_image_that_fits(role: str) -> None:
    """Noise compresses worst."""
    limit = SIZE_LIMITS["badge" if role.startswith("badge") else role]
    noise = Image.effect_noise((900, 700), 90).convert("RGB")
    scaled = scale(encoded(noise), role, False)
    assert len(scaled.data) <= limit.bytes
    assert opened(scaled).size == (scaled.width, scaled.height)
    assert scaled.width <= limit.width
    assert scaled.media_type == "image/jpeg"


def test_transparency_is_kept() -> None:
    """As PNG, which every renderer of SVG knows."""
    hole = Image.new("RGBA", (300, 300), (200, 30, 30, 255))
    hole.paste((0, 0, 0, 0), (100, 100, 200, 200))
    scaled = scale(encoded(hole), "decoration", False)
    assert scaled.media_type == "image/png"
    assert opened(scaled).convert("RGBA").getpixel((96, 96)) == (0, 0, 0, 0)
    assert scaled.dominant_color == "#d01010"


def test_the_middle_is_shown() -> None:
    """A wide image in a square place loses its sides."""
    wide = Image.new("RGB", (300, 100), "red")
    wide.paste((0, 0, 255), (100, 0, 200, 100))
    shown = opened(scale(encoded(wide), "art", False)).convert("RGB")
    assert shown.size == (100, 100)
    red, _, blue = shown.getpixel((50, 50))  # type: ignore[misc]
    assert blue > 200 > 50 > red


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_animation_is_kept_where_requested(kind: str) -> None:
    """As WebP. Elsewhere the first frame is shown."""
    scaled = scale(animation(kind), "avatar", True)
    assert (scaled.media_type, scaled.animated) == ("image/webp", True)
    assert getattr(opened(scaled), "n_frames", 1) == 12
    still = scale(animation(kind), "avatar", False)
    assert (still.media_type, still.animated) == ("image/jpeg", False)


def test_excess_frames_are_dropped() -> None:
    """The animation keeps most of its frames."""
    scaled = scale(animation("WEBP", frames=150, size=16), "avatar", True)
    frames = getattr(opened(scaled), "n_frames", 1)
    assert 1 < frames <= MAX_FRAMES


def test_an_expensive_animation_becomes_a_still_image(monkeypatch: pytest.MonkeyPatch) -> None:
    """All frames together have a limit as well."""
    monkeypatch.setattr(scaling, "MAX_ANIMATION_PIXELS", 12 * 64 * 64 - 1)
    assert not scale(animation("GIF"), "avatar", True).animated
    monkeypatch.setattr(scaling, "MAX_ANIMATION_PIXELS", 12 * 64 * 64)
    assert scale(animation("GIF"), "avatar", True).animated


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x89PNG\r\n\x1a\n",
        GOOD[:60],
        b"GIF89a" + bytes(50),
        b"RIFF\x10\0\0\0WEBPVP8 " + bytes(30),
        b"\xff\xd8\xff" + bytes(50),
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        bomb(),
        bomb(5000, 5000),
    ],
)
def test_an_invalid_image_is_rejected(data: bytes) -> None:
    """Broken, of another format, or a bomb: before its pixels are decoded."""
    with pytest.raises(InvalidImage):
        scale(data, "art", True)


@pytest.mark.parametrize("size", [(1, MAX_SIDE_PX + 1), (MAX_SIDE_PX + 1, 1)])
def test_an_image_is_not_longer_than_any_of_discords(size: tuple[int, int]) -> None:
    """Its number of pixels alone says little about the memory that it takes."""
    with pytest.raises(InvalidImage, match="pixels"):
        scale(blank(*size), "art", True)


_PEAK = """
import sys
from services.cards.render.scaling import InvalidImage, scale
try:
    scale(sys.stdin.buffer.read(), "art", True)
except InvalidImage:
    pass
[peak] = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM:")]
print(peak)
"""
"""In KiB. Not getrusage: its peak may be that of the process that was forked."""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    "size", [(1, 12_000_000), (12_000_000, 1), (732, 16_384), (16_384, 732), (4000, 3000)]
)
def test_no_image_takes_much_memory(size: tuple[int, int]) -> None:
    """Whatever its shape: 160 MB at most, of which 20 are there before."""
    peak = subprocess.run(
        [sys.executable, "-c", _PEAK], input=blank(*size), stdout=subprocess.PIPE, check=True
    )
    assert int(peak.stdout) < 220 * 1024
