"""The client's address, by which limits per address count.

X-Forwarded-For is believed only from proxies that the operator has named (TRUSTED_PROXIES). Any
other private address is on the operator's own network, and may be a proxy in front of all clients:
there is nothing to tell those clients apart by, so they are not counted.
"""

from __future__ import annotations

from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Networks = tuple[IPv4Network | IPv6Network, ...]


def networks(text: str) -> Networks:
    """Parse `10.0.0.0/8, 192.168.0.7`; spaces separate as well. Raises ValueError."""
    return tuple(ip_network(part) for part in text.replace(",", " ").split())


def client_ip(peer: str, forwarded_for: str, trusted: Networks) -> str | None:
    """A public IPv4 address, or the /64 of a public IPv6 address. None: not counted.

    `forwarded_for`: X-Forwarded-For. Each proxy appends its peer, so the list is read from the
    right, up to the first entry that is no trusted proxy; all entries left of that may be made up.
    A trusted proxy wrote that entry. If it is no address (`unknown`), the client is not counted:
    the proxy's own address would hold all its clients to the share of one.
    """
    address = _address(peer)
    if _is_trusted(address, trusted):
        for hop in reversed(forwarded_for.split(",")):
            address = _address(hop)
            if not _is_trusted(address, trusted):
                break
    if address is None or not address.is_global:
        return None
    if isinstance(address, IPv6Address):
        return str(ip_network((address, 64), strict=False))
    return str(address)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(_without_port(text.strip()).partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _without_port(text: str) -> str:
    """From `8.8.8.8:1234`, `[2606:4700::1]:1234` (as IIS and Azure write) or `[2606:4700::1]`."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text


def _is_trusted(address: IPv4Address | IPv6Address | None, trusted: Networks) -> bool:
    return address is not None and any(address in network for network in trusted)
