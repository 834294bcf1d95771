"""Nameplates that move: a video of Discord's becomes a small animation, or nothing."""

from __future__ import annotations

import io
import random
import sys
from contextlib import suppress

import pytest
from PIL import Image

from services.cards import card_model
from services.cards.card_options import CardOptions
from services.cards.render import video
from services.cards.render.card import card
from services.cards.render.scaling import MAX_FRAMES, SIZE_LIMITS, InvalidImage, scale
from services.cards.render_jobs import CardImage, DrawCard
from tests.cards.image_server import VIDEO
from tests.cards.sample_users import AT_WORK, AUDIBERT, IMAGES, NOW

linux = pytest.mark.skipif(sys.platform != "linux", reason="there is no FFmpeg elsewhere")
LIMIT = SIZE_LIMITS["nameplate-video"]


def webm(
    width: int,
    height: int,
    count: int,
    codec: str = "libvpx-vp9",
    pixel_format: str = "yuv420p",
) -> bytes:
    """Noise, which is the hardest to make small."""
    av = pytest.importorskip("av")
    file = io.BytesIO()
    with av.open(file, "w", format="webm" if codec.startswith("libvpx") else "matroska") as output:
        stream = output.add_stream(codec, rate=30)
        stream.width, stream.height, stream.pix_fmt = width, height, pixel_format
        if codec.startswith("libvpx"):
            stream.options = {"cpu-used": "8", "deadline": "realtime", "auto-alt-ref": "0"}
        rng = random.Random(1)
        for number in range(count):
            frame = av.VideoFrame(width, height, pixel_format)
            frame.pts = number
            for plane in frame.planes:
                plane.update(rng.randbytes(plane.buffer_size))
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return file.getvalue()


@linux
def test_a_nameplate_moves_on() -> None:
    """As a WebP of the same length that keeps its opacity, below the limit."""
    image = scale(VIDEO, "nameplate-video", True)
    assert (image.media_type, image.animated) == ("image/webp", True)
    assert (image.width, image.height) == (448, 84)
    assert len(image.data) <= LIMIT.animated_bytes
    shown = Image.open(io.BytesIO(image.data))
    seconds = 0.0
    for number in range(shown.n_frames):  # type: ignore[attr-defined]
        shown.seek(number)
        shown.load()
        seconds += shown.info["duration"] / 1000
    assert 1 < shown.n_frames <= MAX_FRAMES  # type: ignore[attr-defined]
    assert seconds == pytest.approx(4, abs=0.1)


@linux
def test_opacity_is_kept() -> None:
    """Only libvpx decodes it."""
    plain = Image.open(io.BytesIO(scale(webm(64, 16, 2), "nameplate-video", True).data))
    assert plain.convert("RGBA").getchannel("A").getextrema() == (255, 255)
    clear = webm(64, 16, 2, pixel_format="yuva420p")
    shown = Image.open(io.BytesIO(scale(clear, "nameplate-video", True).data))
    darkest, brightest = shown.convert("RGBA").getchannel("A").getextrema()
    assert darkest < 100 < brightest  # type: ignore[operator]


@linux
def test_what_cannot_be_made_small_enough_stays_still() -> None:
    """Frames are left out first."""
    with pytest.raises(InvalidImage, match="too large"):
        scale(webm(448, 84, 40), "nameplate-video", True)


@linux
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (video.SIGNATURE, "cannot be decoded"),
        (video.SIGNATURE + bytes(4000), "cannot be decoded"),
        (VIDEO[:300], "cannot be decoded|no frame|no video"),
        (video.SIGNATURE + VIDEO[4:900] + b"\xff" * 9000, "cannot be decoded|no frame"),
    ],
)
def test_an_invalid_video_is_rejected(data: bytes, reason: str) -> None:
    """It never ends the process with an exception of another kind."""
    with pytest.raises(InvalidImage, match=reason):
        scale(data, "nameplate-video", True)


@linux
def test_limits_of_a_video() -> None:
    """Large frames, many frames, and other formats: none is decoded."""
    with pytest.raises(InvalidImage, match="pixels"):
        scale(webm(1280, 720, 1), "nameplate-video", True)
    with pytest.raises(InvalidImage, match="too long"):
        scale(webm(32, 16, video.MAX_PACKETS + 1), "nameplate-video", True)
    with pytest.raises(InvalidImage, match="another format"):
        scale(webm(64, 16, 2, "ffv1"), "nameplate-video", True)


@linux
@pytest.mark.parametrize("seed", range(12))
def test_damaged_videos(seed: int) -> None:
    """Whatever a video contains, there is an animation or none."""
    rng = random.Random(seed)
    data = bytearray(VIDEO)
    for _ in range(rng.randrange(1, 60)):
        data[rng.randrange(4, len(data))] = rng.randrange(256)
    with suppress(InvalidImage):
        assert scale(bytes(data), "nameplate-video", True).animated


def test_without_ffmpeg_nameplates_stay_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on systems that it is not installed on."""
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(InvalidImage, match="here"):
        scale(VIDEO, "nameplate-video", True)


def test_the_video_takes_the_place_of_the_still_nameplate() -> None:
    """If it has arrived; and a card that becomes too large shows the still one."""
    options = CardOptions(nameplate=True)
    model, _ = card_model.build(AUDIBERT, AT_WORK, options)

    def plates(size: int) -> tuple[bool, bool]:
        moving = CardImage("image/webp", b"\1" * size, 448, 84, "#123456", animated=True)
        images = {"nameplate": IMAGES["nameplate"], "nameplate-video": moving}
        svg = card(DrawCard(model, options, images, NOW, None, False))
        return "image/webp" in svg, "image/png" in svg

    assert plates(1000) == (True, False)
    assert plates(900_000) == (False, True)
