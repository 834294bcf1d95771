"""Turns foreign images into small ones of our own.

An image is hostile input. Its declared size is checked before a pixel is decoded, only the formats
of Discord's and Spotify's CDNs are tried, and no part of the original file is passed on. This runs
in a process with limits of its own (see services/cards/render/__main__.py).
"""

from __future__ import annotations

import colorsys
import io
import warnings
from collections.abc import Iterator
from typing import Final

from msgspec import Struct
from PIL import Image, ImageSequence, UnidentifiedImageError

from services.cards.render import video
from services.cards.render_jobs import CardImage

MAX_FRAME_PIXELS: Final = 12_000_000
MAX_SIDE_PX: Final = 16_384  # Discord's largest images are 4096 wide; Pillow pays for each row
MAX_ANIMATION_PIXELS: Final = 40_000_000  # of all frames together
MAX_FRAMES: Final = 60  # of an animation; longer ones lose frames, not time
_QUALITIES: Final = (75, 50, 25, None, 40, None, 30)  # tried in turn; None: with half the frames
_HOPELESS: Final = 2.5  # times its limit: then a lower quality is not enough
_FORMATS: Final = ("PNG", "JPEG", "WEBP", "GIF")

Image.MAX_IMAGE_PIXELS = MAX_FRAME_PIXELS
warnings.simplefilter("error", Image.DecompressionBombWarning)


class InvalidImage(Exception):
    """Raised when the bytes are not an image that may be shown; the text gives the reason."""


class SizeLimit(Struct, frozen=True):
    """The size of an image in one place of the card."""

    width: int  # px: twice its size on the card
    height: int
    bytes: int  # at most: a card stays below its limit whatever it contains
    animated_bytes: int = 0


SIZE_LIMITS: Final = {
    "avatar": SizeLimit(160, 160, 60_000, 150_000),
    "banner": SizeLimit(900, 225, 70_000, 110_000),
    "decoration": SizeLimit(192, 192, 70_000, 140_000),
    "nameplate": SizeLimit(672, 126, 60_000),
    "nameplate-video": SizeLimit(448, 84, 60_000, 90_000),
    "art": SizeLimit(176, 176, 50_000),
    "small": SizeLimit(56, 56, 12_000),
    "tag": SizeLimit(32, 32, 6_000),
    "emoji": SizeLimit(36, 36, 8_000, 30_000),
    "badge": SizeLimit(40, 40, 6_000),
}
"""By role. The largest of each, with ten badges, are 0.65 MB together: 0.86 MB in base64. A card
shows one form of the nameplate."""


def scale(data: bytes, role: str, animated: bool) -> CardImage:
    """Raises InvalidImage."""
    limit = SIZE_LIMITS["badge" if role.startswith("badge") else role]
    if data.startswith(video.SIGNATURE):
        return _video(data, limit)
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as source:
            too_long = max(source.size) > MAX_SIDE_PX
            if too_long or source.width * source.height > MAX_FRAME_PIXELS:
                raise InvalidImage(f"has {source.width} x {source.height} pixels")
            if animated and limit.animated_bytes and getattr(source, "n_frames", 1) > 1:
                animation = _animation(source, limit)
                if animation is not None:
                    return animation
            source.seek(0)
            still = _covering(source, limit)
            return _still(still, limit)
    except UnidentifiedImageError:
        raise InvalidImage("not a PNG, JPEG, WebP or GIF") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise InvalidImage("decodes to too many pixels") from None
    except (OSError, ValueError, SyntaxError, EOFError, KeyError, IndexError, TypeError) as error:
        raise InvalidImage(f"cannot be decoded: {type(error).__name__}") from None


def _covering(frame: Image.Image, limit: SizeLimit) -> Image.Image:
    """The middle of the frame in the proportions of its place, scaled down to its size."""
    if frame.format == "JPEG":
        frame.draft("RGB", (limit.width, limit.height))
    wanted = limit.width / limit.height
    width, height = frame.size
    if width / height > wanted:
        cut = (width - height * wanted) / 2
        box = (cut, 0.0, width - cut, float(height))
    else:
        cut = (height - width / wanted) / 2
        box = (0.0, cut, float(width), height - cut)
    size = (limit.width, limit.height)
    if box[2] - box[0] < limit.width:  # small images stay small: the viewer scales them up
        size = (max(1, round(box[2] - box[0])), max(1, round(box[3] - box[1])))
    return frame.convert("RGBA").resize(size, Image.Resampling.LANCZOS, box=box)


def _still(image: Image.Image, limit: SizeLimit) -> CardImage:
    """JPEG where the image is opaque, else PNG: every renderer of SVG knows both."""
    color = dominant_color(image)
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
        if file.tell() <= limit.bytes:
            kind = "image/jpeg" if opaque else "image/png"
            return CardImage(kind, file.getvalue(), smaller.width, smaller.height, color)
    raise InvalidImage("stays too large")


def _animation(source: Image.Image, limit: SizeLimit) -> CardImage | None:
    """WebP with at most MAX_FRAMES frames; None where that exceeds a limit."""
    count: int = getattr(source, "n_frames", 1)
    if count * source.width * source.height > MAX_ANIMATION_PIXELS:
        return None
    frames = ((_covering(frame, limit), shown) for frame, shown in _thinned(source, count))
    return _webp(list(frames), limit)


def _video(data: bytes, limit: SizeLimit) -> CardImage:
    """Raises InvalidImage."""
    try:
        found = [
            (_covering(frame, limit), shown) for frame, shown in video.frames(data, MAX_FRAMES)
        ]
    except video.InvalidVideo as error:
        raise InvalidImage(str(error)) from None
    animation = _webp(found, limit) if limit.animated_bytes else None
    if animation is None:
        raise InvalidImage("stays too large")
    return animation


def _webp(frames: list[tuple[Image.Image, int]], limit: SizeLimit) -> CardImage | None:
    """WebP of the frames and their durations in ms; None where it exceeds the limit."""
    hopeless = False
    for quality in _QUALITIES:
        if quality is None:
            frames, hopeless = _halved(frames), False
        if quality is None or hopeless:
            continue
        first = frames[0][0]
        file = io.BytesIO()
        first.save(
            file,
            "WEBP",
            save_all=True,
            append_images=[frame for frame, _ in frames[1:]],
            duration=[shown for _, shown in frames],
            loop=0,
            quality=quality,
            method=2,
        )
        if file.tell() <= limit.animated_bytes:
            data, (width, height) = file.getvalue(), first.size
            color = dominant_color(first)
            return CardImage("image/webp", data, width, height, color, animated=True)
        hopeless = file.tell() > _HOPELESS * limit.animated_bytes
    return None


def _halved(frames: list[tuple[Image.Image, int]]) -> list[tuple[Image.Image, int]]:
    """Each second frame, for the time of both."""
    return [
        (frame, sum(shown for _, shown in frames[number : number + 2]))
        for number, (frame, _) in enumerate(frames)
        if number % 2 == 0
    ]


def _thinned(source: Image.Image, count: int) -> Iterator[tuple[Image.Image, int]]:
    """Frames with their durations in ms; a dropped frame adds its own to the one before."""
    step = max(1, -(-count // MAX_FRAMES))
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


def dominant_color(image: Image.Image) -> str:
    """The color that people would name: frequent, and not grey. `#rrggbb`"""
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
