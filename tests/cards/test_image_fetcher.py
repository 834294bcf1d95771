"""Image servers are foreign: whatever they do, little is fetched, and a fetch ends."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from services.cards.image_allowlist import AllowedImage
from services.cards.image_fetcher import (
    MAX_IMAGE_BYTES,
    FetchFailed,
    ImageFetcher,
    is_image,
)
from tests.cards.image_server import GOOD, VIDEO, ImageServer, animation, serving_images


@pytest.fixture
async def fetcher() -> AsyncIterator[ImageFetcher]:
    async with ImageFetcher() as fetcher:
        yield fetcher


def own(server: ImageServer, path: str) -> AllowedImage:
    return AllowedImage(f"{server.url}/{path}", 60, True)


async def test_an_image_is_fetched(server: ImageServer, fetcher: ImageFetcher) -> None:
    """From the operator's own CDN, which may have a private address."""
    assert await fetcher.fetch(own(server, "good/1.png")) == GOOD


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "[::ffff:7f00:1]"])
async def test_no_private_address_is_connected_to(
    server: ImageServer, fetcher: ImageFetcher, host: str
) -> None:
    """The address itself is checked, also where a name resolves to it."""
    with pytest.raises(FetchFailed):
        await fetcher.fetch(AllowedImage(f"http://{host}:{server.port}/good/1.png", 60, False))
    assert server.requested == []


async def test_only_a_video_is_taken_for_one(server: ImageServer, fetcher: ImageFetcher) -> None:
    """By the first bytes, as for images."""
    for path, video in (
        ("good/asset.webm", True),
        ("page/asset.webm", True),
        ("video/1.png", False),
    ):
        wanted = AllowedImage(f"{server.url}/{path}", 60, True, video)
        with pytest.raises(FetchFailed, match="not a"):
            await fetcher.fetch(wanted)
    body = await fetcher.fetch(AllowedImage(f"{server.url}/video/asset.webm", 60, True, True))
    assert body == VIDEO


async def test_a_redirect_is_not_followed(server: ImageServer, fetcher: ImageFetcher) -> None:
    """Not even from a trusted server."""
    async with serving_images() as inside:
        server.other = f"{inside.url}/good/secret"
        with pytest.raises(FetchFailed, match="302"):
            await fetcher.fetch(own(server, "redirect/1.png"))
        assert inside.requested == []


async def test_ten_gigabytes_are_not_read(server: ImageServer, fetcher: ImageFetcher) -> None:
    """Announced or not. What was sent is the limit, and what fits into the sockets' buffers."""
    with pytest.raises(FetchFailed, match="longer"):
        await fetcher.fetch(own(server, "announced/1.png"))
    with pytest.raises(FetchFailed, match="longer"):
        await fetcher.fetch(own(server, "endless/1.png"))
    assert server.sent < MAX_IMAGE_BYTES + 64 * 1024 * 1024


@pytest.mark.parametrize("kind", ["drip", "silent"])
async def test_a_slow_server_is_given_up(server: ImageServer, kind: str) -> None:
    """The time limit is for the whole response, not for each byte."""
    async with ImageFetcher(timeout_s=0.3) as fetcher:
        with pytest.raises(FetchFailed, match="Timeout"):
            await fetcher.fetch(own(server, f"{kind}/1.png"))


@pytest.mark.parametrize("kind", ["page", "svg", "gzip", "missing"])
async def test_other_content_is_rejected(
    server: ImageServer, fetcher: ImageFetcher, kind: str
) -> None:
    """By its first bytes: the server says image/png each time. Nothing is decompressed."""
    with pytest.raises(FetchFailed):
        await fetcher.fetch(own(server, f"{kind}/1.png"))


async def test_a_refused_connection(fetcher: ImageFetcher) -> None:
    """It is a missing image, and the error names no address."""
    with pytest.raises(FetchFailed) as raised:
        await fetcher.fetch(AllowedImage("http://127.0.0.1:9/x.png", 60, True))
    assert "127.0.0.1" not in str(raised.value)


def test_images_are_recognized_by_their_first_bytes() -> None:
    """The four formats of the CDNs."""
    assert all(is_image(animation(kind)) for kind in ("GIF", "PNG", "WEBP"))
    assert is_image(b"\xff\xd8\xff\xe0JFIF")
    assert not is_image(b"RIFF1234WAVE")
    assert not is_image(b"")
