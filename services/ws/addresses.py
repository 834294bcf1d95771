"""How many connections an address has open.

Whoever comes from a private address came through a proxy of the operator's (or is on this
machine): the last entry of X-Forwarded-For, which that proxy has written, is then the client.
Without one there is nothing to tell clients apart by, and nothing is counted.
"""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network


def client_of(peer: str, forwarded_for: str) -> str | None:
    """Who is counted: a public IPv4 address or the /64 of an IPv6 one. None: not counted."""
    return _public(peer) or _public(forwarded_for.rpartition(",")[2])


class Addresses:
    """Counts, and says when it is too much."""

    def __init__(self, at_most: int) -> None:
        self._at_most = at_most
        self._open: dict[str, int] = {}

    def take(self, client: str) -> bool:
        """One more connection. False, and not counted, when the address has its share."""
        held = self._open.get(client, 0)
        if held >= self._at_most:
            return False
        self._open[client] = held + 1
        return True

    def give_back(self, client: str) -> None:
        held = self._open.pop(client) - 1
        if held:
            self._open[client] = held


def _public(text: str) -> str | None:
    try:
        address = ip_address(text.strip().partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if not address.is_global:
        return None
    if isinstance(address, IPv6Address):
        return str(ip_network((address, 64), strict=False))
    return str(address)
