"""Who is counted as one address."""

from __future__ import annotations

import pytest

from services.ws.addresses import Addresses, client_of


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "client"),
    [
        ("8.8.8.8", "", "8.8.8.8"),
        ("8.8.8.8", "9.9.9.9", "8.8.8.8"),  # whoever comes by himself is not believed
        ("127.0.0.1", "", None),
        ("127.0.0.1", "9.9.9.9", "9.9.9.9"),
        ("10.1.2.3", "1.1.1.1, 9.9.9.9", "9.9.9.9"),  # the first may be made up
        ("10.1.2.3", "192.168.0.7", None),
        ("10.1.2.3", "unknown", None),
        ("", "9.9.9.9", "9.9.9.9"),
        ("::1", "2606:4700:1:2:3:4:5:6", "2606:4700:1:2::/64"),
        ("::ffff:8.8.8.8", "", "8.8.8.8"),
        ("fe80::1%eth0", "", None),
    ],
)
def test_client_of(peer: str, forwarded_for: str, client: str | None) -> None:
    """A public peer counts as itself; behind a private one the proxy's word counts."""
    assert client_of(peer, forwarded_for) == client


def test_shares() -> None:
    """An address has its share, and what it gives back it may take again."""
    addresses = Addresses(2)
    assert [addresses.take("a") for _ in range(3)] == [True, True, False]
    assert addresses.take("b")
    addresses.give_back("a")
    assert addresses.take("a")
    assert not addresses.take("a")
