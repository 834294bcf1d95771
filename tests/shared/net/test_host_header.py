"""Which values of Host a request may carry."""

from __future__ import annotations

import pytest

from shared.net.host_header import is_host_valid
from shared.net.loopback import as_reached


@pytest.mark.parametrize(
    "host",
    [
        b"localhost",
        b"localhost:8000",
        b"127.0.0.1",
        b"[::1]",
        b"[::1]:8000",
        b"[2606:4700::1111]:443",
        b"[fe80::1%25eth0]",
        b"",
        b"a_b.example.org:",
    ],
)
def test_valid_hosts(host: bytes) -> None:
    """And each can be read as a URL's."""
    assert is_host_valid([host], "1.1")
    assert as_reached("http://127.0.0.1:1/x", host.decode())


@pytest.mark.parametrize(
    "host",
    [
        b"[x]",
        b"[1.2.3.4]",
        b"[v1.x]",
        b"[]",
        b"[::1",
        b"::1]",
        b"[::1]x",
        b"[:::1]",
        b"a b",
        b"a/b",
        b"a@b",
        b"a:80:90",
        b"\xff",
    ],
)
def test_invalid_hosts(host: bytes) -> None:
    """Brackets hold an IPv6 address, and nothing else."""
    assert not is_host_valid([host], "1.1")
