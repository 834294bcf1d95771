"""Which addresses are on the internet, and which lead into a network of the operator's."""

from __future__ import annotations

import pytest

from shared.net.public_address import is_public


@pytest.mark.parametrize(
    ("host", "public"),
    [
        ("162.159.135.233", True),
        ("2606:4700::1", True),
        ("10.1.2.3", False),
        ("127.0.0.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("192.168.0.1", False),
        ("224.0.0.1", False),
        ("0.0.0.0", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:162.159.135.233", True),
        ("64:ff9b::a00:1", False),
        ("64:ff9b::a29f:87e9", True),
        ("2002:a00:1::", False),
        ("2001:0:a29f:87e9::f5ff:fffe", False),  # Teredo of 10.0.0.1
        ("64:ff9b:1::a29f:87e9", False),
        ("64:ff9b:1:ffff:ffff:ffff:7f00:1", False),
        ("::127.0.0.1", False),
        ("::162.159.135.233", False),
        ("::ffff:0:127.0.0.1", False),
        ("fec0::1", False),
        ("feff:ffff::1", False),
        ("5f00::1", False),
        ("4000::1", False),
        ("100::1", False),
        ("2001:db8::1", False),
        ("::", False),
        ("ff02::1", False),
    ],
)
def test_private_addresses_are_recognized(host: str, public: bool) -> None:
    """Also those wrapped in IPv6."""
    assert is_public(host) is public
