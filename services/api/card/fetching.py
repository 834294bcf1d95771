"""Fetching a picture from a server that may be slow, broken or hostile.

Redirects are not followed. The address that is connected to is checked as the connection is
made, after the name was resolved, so that no name and no change of mind of a name server leads
into a private network. The operator's own DISCORD_CDN_URL may lead there: it is theirs to name.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from ipaddress import IPv6Address, ip_address
from typing import Any, Final

from services.api.card.addresses import Address
from shared.discord.user_agent import USER_AGENT
from shared.net.http_client import HttpClient, HttpError

MOST_BYTES: Final = 4 * 1024 * 1024
WITHIN: Final = 4.0  # seconds for all of it
AT_ONCE: Final = 16  # connections

_MAGIC: Final = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a")
_ENOUGH: Final = 12  # bytes to tell a format by


SocketFactory = Callable[[Sequence[Any]], socket.socket]  # aiohttp's SocketFactoryType


class NotFetched(Exception):
    """Raised when there is no picture to be had; the text says why, and names no address."""


class PrivateAddress(OSError):
    """Raised instead of connecting into a private network."""


class Fetcher:
    """Opens its connections when the first picture is requested."""

    def __init__(self, timeout_s: float = WITHIN) -> None:
        """`timeout_s`: for the whole of a picture."""
        # Connections are never shared between public servers and the operator's own.
        self._public = _client(timeout_s, public_socket)
        self._operators = _client(timeout_s, None)

    async def close(self) -> None:
        await self._public.close()
        await self._operators.close()

    async def get(self, address: Address) -> bytes:
        """The picture's bytes: PNG, JPEG, GIF or WebP by their beginning. Raises NotFetched."""
        http = self._operators if address.operators else self._public
        try:
            async with http.get(address.url) as response:
                if response.status != 200:
                    raise NotFetched(f"status {response.status}")
                body = await response.read(_check_beginning)
        except HttpError as error:
            raise NotFetched(str(error)) from None
        if not is_picture(body):
            raise NotFetched("no picture")
        return body


def _client(timeout_s: float, socket_factory: SocketFactory | None) -> HttpClient:
    return HttpClient(
        timeout_s=timeout_s,
        max_body_bytes=MOST_BYTES,
        max_connections=AT_ONCE,
        headers={"User-Agent": USER_AGENT, "Accept": "image/webp,image/png,image/*;q=0.8"},
        socket_factory=socket_factory,
    )


def _check_beginning(body: bytearray) -> None:
    if len(body) >= _ENOUGH and not is_picture(body):
        raise NotFetched("no picture")


def is_picture(beginning: bytes | bytearray) -> bool:
    """By its first bytes; what the server calls it does not count."""
    if beginning[:4] == b"RIFF":
        return beginning[8:12] == b"WEBP"
    return bytes(beginning).startswith(_MAGIC)


def public_socket(address: Sequence[Any]) -> socket.socket:
    """A socket for one row of getaddrinfo, which is connected to as it is.

    Raises PrivateAddress.
    """
    family, kind, protocol, _, (host, *_) = address
    if not is_public(host):
        raise PrivateAddress("a picture's server has a private address")
    return socket.socket(family, kind, protocol)


def is_public(host: str) -> bool:
    """Whether the address is one of the internet's, whatever it is wrapped in."""
    address = ip_address(host.partition("%")[0])
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address.teredo:
            inner = address.teredo[1]
        if inner is None and address.packed[:12] == _NAT64:
            inner = ip_address(address.packed[12:])  # type: ignore[assignment]
        if inner is not None:
            return inner.is_global and not inner.is_multicast
    return address.is_global and not address.is_multicast


_NAT64: Final = bytes.fromhex("0064ff9b0000000000000000")
