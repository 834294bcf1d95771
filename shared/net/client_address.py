"""Who is at the other end: whom limits per address count.

A proxy's word is believed only if the operator has named that proxy (TRUSTED_PROXIES). Whoever
comes from a private address that is not named is on the operator's own network, perhaps a proxy
with everybody behind it: there is nothing to tell clients apart by, and nothing is counted.
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
    """`10.0.0.0/8, 192.168.0.7`, also separated by blanks. Raises ValueError."""
    return tuple(ip_network(part) for part in text.replace(",", " ").split())


def client_ip(peer: str, forwarded_for: str, trusted: Networks) -> str | None:
    """A public IPv4 address or the /64 of an IPv6 one. None: not counted.

    `forwarded_for`: X-Forwarded-For. Each proxy appends whom it heard from, so it is read from
    the right, up to the first that is no trusted proxy; what stands before may be made up.
    That first one is a trusted proxy's own word. If it is no address (`unknown`), there is
    nobody to count: the proxy's own address would hold everybody behind it to one share.
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
    """`8.8.8.8:1234`, `[2606:4700::1]:1234` (IIS and Azure write them so), `[2606:4700::1]`."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text


def _is_trusted(address: IPv4Address | IPv6Address | None, trusted: Networks) -> bool:
    return address is not None and any(address in network for network in trusted)
