"""Strangers' pictures made into small ones of our own.

A picture is hostile input: what it says of its size is checked before a pixel is decoded, only
the formats of Discord's and Spotify's CDNs are tried, and nothing of the file itself is passed
on. This runs in a process with limits of its own (see services/api/card/drawing/__main__.py).
"""

from __future__ import annotations

import colorsys
import io
import warnings
from collections.abc import Iterator
from typing import Final

from msgspec import Struct
from PIL import Image, ImageSequence, UnidentifiedImageError

from services.api.card.jobs import Picture

PIXELS: Final = 12_000_000  # of one frame: 4096 x 2048 and more; Discord's largest are 4096 wide
MOVING_PIXELS: Final = 40_000_000  # of all frames together
FRAMES: Final = 60  # of a moving picture; more are thinned out
_FORMATS: Final = ("PNG", "JPEG", "WEBP", "GIF")

Image.MAX_IMAGE_PIXELS = PIXELS
warnings.simplefilter("error", Image.DecompressionBombWarning)


class Unusable(Exception):
    """Raised when the bytes are no picture that may be shown; the text says why."""


class Fit(Struct, frozen=True):
    """What a picture becomes in one place of the card."""

    width: int  # px: twice what it takes on the card
    height: int
    bytes: int  # at most, so that a card stays below its limit whatever is in it
    moving_bytes: int = 0


FITS: Final = {
    "avatar": Fit(160, 160, 60_000, 190_000),
    "decoration": Fit(192, 192, 80_000, 200_000),
    "nameplate": Fit(672, 126, 60_000),
    "art": Fit(176, 176, 60_000),
    "small": Fit(56, 56, 12_000),
    "tag": Fit(32, 32, 6_000),
    "emoji": Fit(36, 36, 8_000, 40_000),
    "badge": Fit(40, 40, 8_000),
}
"""By role. The largest of each, ten badges among them, are 0.65 MB: 0.87 MB in base64."""

_WIDE: Final = 672, 126  # a nameplate keeps its proportions within this


def scale(data: bytes, role: str, moves: bool) -> Picture:
    """Raises Unusable."""
    fit = FITS["badge" if role.startswith("badge") else role]
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as source:
            if source.width * source.height > PIXELS:
                raise Unusable(f"it has {source.width} x {source.height} pixels")
            if moves and fit.moving_bytes and getattr(source, "n_frames", 1) > 1:
                moving = _moving(source, fit)
                if moving is not None:
                    return moving
            source.seek(0)
            still = _covering(source, fit)
            return _still(still, fit)
    except UnidentifiedImageError:
        raise Unusable("it is no PNG, JPEG, WebP or GIF") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Unusable("it unpacks to too many pixels") from None
    except (OSError, ValueError, SyntaxError, EOFError, KeyError, IndexError, TypeError) as error:
        raise Unusable(f"it cannot be decoded: {type(error).__name__}") from None


def _covering(frame: Image.Image, fit: Fit) -> Image.Image:
    """The middle of the frame in the proportions of its place, scaled down to fit it."""
    if frame.format == "JPEG":
        frame.draft("RGB", (fit.width, fit.height))
    wanted = fit.width / fit.height
    width, height = frame.size
    if width / height > wanted:
        cut = (width - height * wanted) / 2
        box = (cut, 0.0, width - cut, float(height))
    else:
        cut = (height - width / wanted) / 2
        box = (0.0, cut, float(width), height - cut)
    size = (fit.width, fit.height)
    if box[2] - box[0] < fit.width:  # small pictures stay small: the viewer scales as well
        size = (max(1, round(box[2] - box[0])), max(1, round(box[3] - box[1])))
    return frame.convert("RGBA").resize(size, Image.Resampling.LANCZOS, box=box)


def _still(image: Image.Image, fit: Fit) -> Picture:
    """JPEG where it hides nothing, else PNG: what every renderer of SVG knows."""
    tone = striking(image)
    opaque = image.getchannel("A").getextrema() == (255, 255)
    for size in (1.0, 0.75, 0.5, 0.25):
        smaller = image
        if size < 1:
            shape = (max(1, round(image.width * size)), max(1, round(image.height * size)))
            smaller = image.resize(shape, Image.Resampling.LANCZOS)
        file = io.BytesIO()
        if opaque:
            smaller.convert("RGB").save(file, "JPEG", quality=90, optimize=True)
        else:
            smaller.save(file, "PNG", optimize=True)
        if file.tell() <= fit.bytes:
            kind = "image/jpeg" if opaque else "image/png"
            return Picture(kind, file.getvalue(), smaller.width, smaller.height, tone)
    raise Unusable("it stays too large")


def _moving(source: Image.Image, fit: Fit) -> Picture | None:
    """WebP with at most FRAMES frames; None where that takes too much, and it stands still."""
    count: int = getattr(source, "n_frames", 1)
    if count * source.width * source.height > MOVING_PIXELS:
        return None
    frames: list[Image.Image] = []
    durations: list[int] = []
    for frame, duration in _thinned(source, count):
        frames.append(_covering(frame, fit))
        durations.append(duration)
    for quality in (75, 50, 25):
        file = io.BytesIO()
        frames[0].save(
            file,
            "WEBP",
            save_all=True,
            append_images=frames[1:],
            duration=durations,
            loop=0,
            quality=quality,
            method=2,
        )
        if file.tell() <= fit.moving_bytes:
            width, height = frames[0].size
            tone = striking(frames[0])
            return Picture("image/webp", file.getvalue(), width, height, tone, moves=True)
    return None


def _thinned(source: Image.Image, count: int) -> Iterator[tuple[Image.Image, int]]:
    """Frames with the milliseconds that each stays; those left out lend theirs."""
    step = max(1, -(-count // FRAMES))
    kept: Image.Image | None = None
    shown = 0
    for number, frame in enumerate(ImageSequence.Iterator(source)):
        if number % step == 0:
            if kept is not None:
                yield kept, shown
            kept, shown = frame.copy(), 0
        shown += max(20, int(frame.info.get("duration") or 100))
    if kept is not None:
        yield kept, shown


def striking(image: Image.Image) -> str:
    """The colour that people would name: often there, and not grey."""
    small = image.convert("RGBA").resize((24, 24), Image.Resampling.BOX)
    seen: dict[tuple[int, int, int], float] = {}
    for red, green, blue, alpha in small.get_flattened_data():  # type: ignore[misc]
        if alpha < 128:
            continue
        _, lightness, saturation = colorsys.rgb_to_hls(red / 255, green / 255, blue / 255)
        weight = 0.05 + saturation * (1 - abs(2 * lightness - 1))
        key = (red >> 5, green >> 5, blue >> 5)
        seen[key] = seen.get(key, 0.0) + weight
    if not seen:
        return "#80848e"
    best = max(seen, key=lambda key: seen[key])
    return "#" + "".join(f"{min(255, (part << 5) + 16):02x}" for part in best)
