"""Sockets that connect to public addresses only: for URLs that lead to foreign servers.

The address is checked when the connection is made, after the name was resolved. So no host name and
no DNS rebinding leads into a private network.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any, Final

SocketFactory = Callable[[Sequence[Any]], socket.socket]  # aiohttp's SocketFactoryType

_NAT64: Final = IPv6Network("64:ff9b::/96")  # RFC 6052
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")  # all that IANA has allocated for the internet


class PrivateAddress(OSError):
    """Raised instead of connecting to a private network."""


def public_socket(address: Sequence[Any]) -> socket.socket:
    """A socket for one row of getaddrinfo, to be connected to that address.

    Raises PrivateAddress.
    """
    family, kind, protocol, _, (host, *_) = address
    if not is_public(host):
        raise PrivateAddress("the server has a private address")
    return socket.socket(family, kind, protocol)


def is_public(host: str) -> bool:
    """Whether the address is globally routable, also when it is wrapped in IPv6.

    Of IPv6 only 2000::/3 is, besides wrapped IPv4. All other ranges are local or not allocated,
    whatever the version of Python knows about them: site-local addresses (fec0::/10), translation
    in the local network (64:ff9b:1::/48), IPv4-compatible addresses (::127.0.0.1).
    """
    address = ip_address(host.partition("%")[0])
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address.teredo:
            inner = address.teredo[1]
        if inner is None and address in _NAT64:
            inner = IPv4Address(address.packed[12:])
        if inner is not None:
            return inner.is_global and not inner.is_multicast
        return address in _GLOBAL_UNICAST and address.is_global
    return address.is_global and not address.is_multicast
