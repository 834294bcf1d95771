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
    if not is_public(address[4][0]):
        raise PrivateAddress("the server has a private address")
    return _socket(address)


def trusted_socket(address: Sequence[Any]) -> socket.socket:
    """The same for a server that the operator trusts: it may be in a private network.

    Raises PrivateAddress for link-local addresses, where clouds have the secrets of a machine, and
    for those that are no server's.
    """
    if is_never_trusted(address[4][0]):
        raise PrivateAddress("the server has a link-local address")
    return _socket(address)


def private_socket(address: Sequence[Any]) -> socket.socket:
    """The same for a trusted server without encryption: it must be in a private network.

    Raises PrivateAddress.
    """
    if is_public(address[4][0]):
        raise PrivateAddress("the server has a public address")
    return trusted_socket(address)


def is_public(host: str) -> bool:
    """Whether the address is globally routable, also when it is wrapped in IPv6.

    Of IPv6 only 2000::/3 is, besides wrapped IPv4. All other ranges are local or not allocated,
    whatever the version of Python knows about them: site-local addresses (fec0::/10), translation
    in the local network (64:ff9b:1::/48), IPv4-compatible addresses (::127.0.0.1).
    """
    address = _unwrapped(host)
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    return address.is_global and not address.is_multicast


def is_never_trusted(host: str) -> bool:
    """Whether `trusted_socket` refuses the address."""
    address = _unwrapped(host)
    return address.is_link_local or address.is_multicast or address.is_unspecified


def _socket(address: Sequence[Any]) -> socket.socket:
    family, kind, protocol, *_ = address
    return socket.socket(family, kind, protocol)


def _unwrapped(host: str) -> IPv4Address | IPv6Address:
    """The address, or the IPv4 address that it wraps in IPv6."""
    address = ip_address(host.partition("%")[0])
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(address.packed[12:])
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else address)
