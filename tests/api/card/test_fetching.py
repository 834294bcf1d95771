"""Pictures come from strangers' servers: whatever those do, little is fetched, and nobody hangs."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from services.api.card.addresses import Address
from services.api.card.fetching import MOST_BYTES, Fetcher, NotFetched, is_picture, is_public
from tests.api.card.hostile import GOOD, PictureServer, moving, serving_pictures


@pytest.fixture
async def server() -> AsyncIterator[PictureServer]:
    async with serving_pictures() as server:
        yield server


@pytest.fixture
async def fetcher() -> AsyncIterator[Fetcher]:
    fetcher = Fetcher()
    yield fetcher
    await fetcher.close()


def own(server: PictureServer, path: str) -> Address:
    return Address(f"{server.url}/{path}", 60, True)


async def test_a_picture_is_fetched(server: PictureServer, fetcher: Fetcher) -> None:
    """From the operator's own CDN, which is on this machine."""
    assert await fetcher.get(own(server, "good/1.png")) == GOOD


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "[::ffff:7f00:1]"])
async def test_no_private_address_is_connected_to(
    server: PictureServer, fetcher: Fetcher, host: str
) -> None:
    """The address itself is looked at, also where a name leads to it."""
    with pytest.raises(NotFetched):
        await fetcher.get(Address(f"http://{host}:{server.port}/good/1.png", 60, False))
    assert server.asked == []


async def test_a_redirect_is_not_followed(server: PictureServer, fetcher: Fetcher) -> None:
    """Not even from a server that is trusted."""
    async with serving_pictures() as inside:
        server.other = f"{inside.url}/good/secret"
        with pytest.raises(NotFetched, match="302"):
            await fetcher.get(own(server, "redirect/1.png"))
        assert inside.asked == []


async def test_ten_gigabytes_are_not_read(server: PictureServer, fetcher: Fetcher) -> None:
    """Announced or not. What was sent is what fits into the sockets' buffers besides the limit."""
    with pytest.raises(NotFetched, match="longer"):
        await fetcher.get(own(server, "announced/1.png"))
    with pytest.raises(NotFetched, match="longer"):
        await fetcher.get(own(server, "endless/1.png"))
    assert server.sent < MOST_BYTES + 64 * 1024 * 1024


@pytest.mark.parametrize("kind", ["drip", "silent"])
async def test_a_slow_server_is_left(server: PictureServer, kind: str) -> None:
    """All of it has a time limit, not each byte."""
    fetcher = Fetcher(timeout_s=0.3)
    with pytest.raises(NotFetched, match="Timeout"):
        await fetcher.get(own(server, f"{kind}/1.png"))
    await fetcher.close()


@pytest.mark.parametrize("kind", ["page", "svg", "gzip", "missing"])
async def test_what_is_no_picture_is_refused(
    server: PictureServer, fetcher: Fetcher, kind: str
) -> None:
    """By its first bytes; the server says image/png each time. Nothing is unpacked."""
    with pytest.raises(NotFetched):
        await fetcher.get(own(server, f"{kind}/1.png"))


async def test_nobody_is_there(fetcher: Fetcher) -> None:
    """A refused connection is a missing picture, and its text names no address."""
    with pytest.raises(NotFetched) as raised:
        await fetcher.get(Address("http://127.0.0.1:9/x.png", 60, True))
    assert "127.0.0.1" not in str(raised.value)


@pytest.mark.parametrize(
    ("host", "public"),
    [
        ("162.159.135.233", True),
        ("2606:4700::1", True),
        ("10.1.2.3", False),
        ("127.0.0.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("192.168.0.1", False),
        ("224.0.0.1", False),
        ("0.0.0.0", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:162.159.135.233", True),
        ("64:ff9b::a00:1", False),
        ("64:ff9b::a29f:87e9", True),
        ("2002:a00:1::", False),
        ("ff02::1", False),
    ],
)
def test_private_addresses_are_known(host: str, public: bool) -> None:
    """Also those wrapped in IPv6."""
    assert is_public(host) is public


def test_pictures_are_told_by_their_first_bytes() -> None:
    """The four formats of the CDNs."""
    assert all(is_picture(moving(kind)) for kind in ("GIF", "PNG", "WEBP"))
    assert is_picture(b"\xff\xd8\xff\xe0JFIF")
    assert not is_picture(b"RIFF1234WAVE")
    assert not is_picture(b"")
