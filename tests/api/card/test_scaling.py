"""Strangers' pictures: made small, made anew, or refused."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from services.api.card.drawing import scaling
from services.api.card.drawing.scaling import FITS, FRAMES, Unusable, scale
from services.api.card.jobs import Picture
from tests.api.card.hostile import GOOD, bomb, moving


def encoded(image: Image.Image, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


def opened(picture: Picture) -> Image.Image:
    return Image.open(io.BytesIO(picture.data))


@pytest.mark.parametrize("role", [*(role for role in FITS if role != "badge"), "badge3"])
def test_every_place_gets_a_picture_that_fits(role: str) -> None:
    """Noise compresses worst."""
    fit = FITS["badge" if role.startswith("badge") else role]
    noise = Image.effect_noise((900, 700), 90).convert("RGB")
    picture = scale(encoded(noise), role, False)
    assert len(picture.data) <= fit.bytes
    assert opened(picture).size == (picture.width, picture.height)
    assert picture.width <= fit.width
    assert picture.kind == "image/jpeg"


def test_what_is_see_through_stays_so() -> None:
    """As PNG, which every renderer knows."""
    hole = Image.new("RGBA", (300, 300), (200, 30, 30, 255))
    hole.paste((0, 0, 0, 0), (100, 100, 200, 200))
    picture = scale(encoded(hole), "decoration", False)
    assert picture.kind == "image/png"
    assert opened(picture).convert("RGBA").getpixel((96, 96)) == (0, 0, 0, 0)
    assert picture.tone == "#d01010"


def test_the_middle_is_shown() -> None:
    """A wide picture in a square place loses its sides."""
    wide = Image.new("RGB", (300, 100), "red")
    wide.paste((0, 0, 255), (100, 0, 200, 100))
    shown = opened(scale(encoded(wide), "art", False)).convert("RGB")
    assert shown.size == (100, 100)
    red, _, blue = shown.getpixel((50, 50))  # type: ignore[misc]
    assert blue > 200 > 50 > red


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_motion_is_kept_where_it_is_asked_for(kind: str) -> None:
    """As WebP; asked for still it is the first frame."""
    picture = scale(moving(kind), "avatar", True)
    assert (picture.kind, picture.moves) == ("image/webp", True)
    assert getattr(opened(picture), "n_frames", 1) == 12
    still = scale(moving(kind), "avatar", False)
    assert (still.kind, still.moves) == ("image/jpeg", False)


def test_too_many_frames_are_thinned_out() -> None:
    """And last as long as before."""
    picture = scale(moving("WEBP", frames=150, size=16), "avatar", True)
    frames = getattr(opened(picture), "n_frames", 1)
    assert 1 < frames <= FRAMES


def test_motion_that_takes_too_much_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """All frames together have a limit as well."""
    monkeypatch.setattr(scaling, "MOVING_PIXELS", 12 * 64 * 64 - 1)
    assert not scale(moving("GIF"), "avatar", True).moves
    monkeypatch.setattr(scaling, "MOVING_PIXELS", 12 * 64 * 64)
    assert scale(moving("GIF"), "avatar", True).moves


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
def test_what_cannot_be_shown_is_refused(data: bytes) -> None:
    """Broken, of another kind, or a bomb: before its pixels are decoded."""
    with pytest.raises(Unusable):
        scale(data, "art", True)
