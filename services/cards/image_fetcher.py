"""Fetches an image from a server that may be slow, broken or hostile.

Redirects are not followed. Connections are made to public addresses only, as
shared/net/public_address.py says. Only the operator's own DISCORD_CDN_URL may be a private address.
"""

from __future__ import annotations

from typing import Final, Self

from services.cards.image_allowlist import AllowedImage
from shared.discord.user_agent import USER_AGENT
from shared.net.http_client import HttpClient, HttpError, RequestFailed
from shared.net.public_address import SocketFactory, public_socket

MAX_IMAGE_BYTES: Final = 4 * 1024 * 1024
FETCH_TIMEOUT_S: Final = 4.0  # for the whole response
MAX_CONNECTIONS: Final = 16

_TEMPORARY_STATUSES: Final = (408, 425, 429)  # besides those of 500 and more
_SIGNATURES: Final = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a")
_EBML: Final = b"\x1a\x45\xdf\xa3"  # of WebM: RFC 8794
_NO_IMAGE: Final = "not an image"
_NO_VIDEO: Final = "not a video"
_SIGNATURE_BYTES: Final = 12  # enough to tell the formats apart


class FetchFailed(Exception):
    """Raised when an image cannot be fetched. The text gives the reason, and no address."""

    def __init__(self, reason: str, *, temporary: bool = False) -> None:
        """`temporary`: the image may exist, and is worth another attempt soon."""
        super().__init__(reason)
        self.temporary = temporary


class ImageFetcher:
    """`async with` is its lifetime. Connects when the first image is requested."""

    def __init__(self, timeout_s: float = FETCH_TIMEOUT_S) -> None:
        """`timeout_s`: for the whole response."""
        # Public servers and the operator's never share connections.
        self._public = _client(timeout_s, public_socket)
        self._operator = _client(timeout_s, None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._public.close()
        await self._operator.close()

    async def fetch(self, image: AllowedImage) -> bytes:
        """PNG, JPEG, GIF or WebP, or a WebM where that is wanted, by its first bytes.

        Raises FetchFailed.
        """
        client = self._operator if image.from_operator else self._public
        try:
            async with client.get(image.url) as response:
                if response.status != 200:
                    temporary = response.status >= 500 or response.status in _TEMPORARY_STATUSES
                    raise FetchFailed(f"status {response.status}", temporary=temporary)
                body = await response.read(_check_video if image.video else _check_image)
        except HttpError as error:
            raise FetchFailed(str(error), temporary=isinstance(error, RequestFailed)) from None
        if not (is_video(body) if image.video else is_image(body)):
            raise FetchFailed(_NO_VIDEO if image.video else _NO_IMAGE)
        return body


def _client(timeout_s: float, socket_factory: SocketFactory | None) -> HttpClient:
    return HttpClient(
        timeout_s=timeout_s,
        max_body_bytes=MAX_IMAGE_BYTES,
        max_connections=MAX_CONNECTIONS,
        headers={"User-Agent": USER_AGENT, "Accept": "image/webp,image/png,image/*;q=0.8"},
        socket_factory=socket_factory,
    )


def _check_image(body: bytearray) -> None:
    if len(body) >= _SIGNATURE_BYTES and not is_image(body):
        raise FetchFailed(_NO_IMAGE)


def _check_video(body: bytearray) -> None:
    if len(body) >= _SIGNATURE_BYTES and not is_video(body):
        raise FetchFailed(_NO_VIDEO)


def is_image(beginning: bytes | bytearray) -> bool:
    """By its first bytes; the server's Content-Type does not count."""
    if beginning[:4] == b"RIFF":
        return beginning[8:12] == b"WEBP"
    return bytes(beginning).startswith(_SIGNATURES)


def is_video(beginning: bytes | bytearray) -> bool:
    """WebM, by its first bytes."""
    return bytes(beginning).startswith(_EBML)
