"""The client's address, by which limits per address count.

X-Forwarded-For is believed only from proxies that the operator has named (TRUSTED_PROXIES). Any
other private address is on the operator's own network, and may be a proxy in front of all clients:
there is nothing to tell those clients apart by. Such an address has the budgets of
`PRIVATE_FACTOR` clients. This machine itself (loopback) is not counted.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final

from msgspec import Struct

log = logging.getLogger(__name__)

Networks = tuple[IPv4Network | IPv6Network, ...]

MAX_HOPS: Final = 16  # entries of X-Forwarded-For that are read
MAX_HOP_CHARS: Final = 64  # an IPv6 address with brackets, port and spaces is shorter
PRIVATE_FACTOR: Final = 50
"""So many clients a proxy may stand for: more than one machine holds, and not without end."""

PRIVATE_PREFIX: Final = "private "
ADDRESS_CACHE_ENTRIES: Final = 10_000  # about 3 MB


def networks(text: str) -> Networks:
    """Parse `10.0.0.0/8, 192.168.0.7`; spaces separate as well. Raises ValueError."""
    return tuple(ip_network(part) for part in text.replace(",", " ").split())


class ClientResolver:
    """Finds the client of a connection or a request, and remembers the addresses that it has read.

    Reading one takes 5 µs, finding it again 0.3. The cache is keyed by single addresses, of peers
    and of what trusted proxies appended: what a client writes into the header itself is never read.
    """

    def __init__(self, trusted: Networks, cache_entries: int = ADDRESS_CACHE_ENTRIES) -> None:
        """`trusted`: proxies whose X-Forwarded-For is believed."""
        self._trusted = trusted
        self._cache_entries = cache_entries
        self._cache: dict[str, _Hop] = {}

    def client_ip(self, peer: str, forwarded_for: str) -> str | None:
        """A public IPv4 address, or the /64 of a public IPv6 address. None: not counted. A private
        address has a prefix: see `budget`.

        `forwarded_for`: X-Forwarded-For. Each proxy appends its peer, so the list is read from the
        right, up to the first entry that is no trusted proxy; all entries left of that may be made
        up. A trusted proxy wrote that entry. If it is no address (`unknown`), the client is not
        counted: the proxy's own address would hold all its clients to the share of one.
        """
        hop = self._hop(peer)
        if hop.trusted:
            for text in _hops(forwarded_for):
                hop = self._hop(text)
                if not hop.trusted:
                    break
        return hop.client

    @property
    def cached(self) -> int:
        """How many addresses are remembered. Each is at most `MAX_HOP_CHARS` long."""
        return len(self._cache)

    def _hop(self, text: str) -> _Hop:
        hop = self._cache.get(text)
        if hop is None:
            hop = self._read(text)
            if len(self._cache) >= self._cache_entries:
                self._cache.clear()
            self._cache[text] = hop
        return hop

    def _read(self, text: str) -> _Hop:
        address = _address(text)
        if address is None:
            return _Hop(False, None)
        trusted = any(address in network for network in self._trusted)
        if not address.is_global:
            counts = not (address.is_loopback or address.is_link_local)
            return _Hop(trusted, f"{PRIVATE_PREFIX}{address}" if counts else None)
        if isinstance(address, IPv6Address):
            return _Hop(trusted, str(ip_network((address, 64), strict=False)))
        return _Hop(trusted, str(address))


def budget(client: str, limit: int) -> int:
    """How much a client may do, where `limit` is for a public address."""
    return limit * PRIVATE_FACTOR if client.startswith(PRIVATE_PREFIX) else limit


class SharedAddressNotice:
    """Logs, once, that a private address does more than one client would: it is a proxy's."""

    def __init__(self) -> None:
        self._logged = False

    def over_limit(self, client: str) -> None:
        """The client is over the limit of a public address."""
        if self._logged or not client.startswith(PRIVATE_PREFIX):
            return
        self._logged = True
        log.warning(
            "clients seem to come from the %s: they cannot be told apart, and share its limits. If "
            "that is your proxy, name it in TRUSTED_PROXIES. If it is Docker, which does that with "
            "IPv6 clients, give its network IPv6 (docs/security.md, Addresses of clients)",
            client.replace(PRIVATE_PREFIX, "private address ", 1),
        )


def client_ip(peer: str, forwarded_for: str, trusted: Networks) -> str | None:
    """As `ClientResolver.client_ip`, once and without a cache."""
    return ClientResolver(trusted).client_ip(peer, forwarded_for)


def forwarded_for_tail(values: Sequence[str]) -> str:
    """The end of X-Forwarded-For, as far as it is read. `values`: its header lines, in order."""
    tail: list[str] = []
    room = MAX_HOPS * (MAX_HOP_CHARS + 1)
    for value in reversed(values):
        if room <= 0:
            break
        tail.append(value[-room:])
        room -= len(value) + 1
    return ",".join(reversed(tail))


class _Hop(Struct, frozen=True):
    trusted: bool
    client: str | None  # what it counts as, if it is the client


def _hops(forwarded_for: str) -> Iterator[str]:
    """The entries from the right, at most `MAX_HOPS`. One that is too long is empty: no address."""
    end = len(forwarded_for)
    for _ in range(MAX_HOPS):
        leftmost = max(0, end - MAX_HOP_CHARS - 1)
        comma = forwarded_for.rfind(",", leftmost, end)
        if comma < 0 and leftmost > 0:
            yield ""
            return
        yield forwarded_for[comma + 1 : end].strip()
        if comma < 0:
            return
        end = comma


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(_without_port(text).partition("%")[0])
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
