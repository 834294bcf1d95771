"""How many connections an address may have open."""

from __future__ import annotations

from shared.net.connection_counter import ConnectionCounter


def test_shares() -> None:
    """An address has its share, and what it gives back it may take again."""
    addresses = ConnectionCounter(2)
    assert [addresses.take("a") for _ in range(3)] == [True, True, False]
    assert addresses.take("b")
    addresses.give_back("a")
    assert addresses.take("a")
    assert not addresses.take("a")
