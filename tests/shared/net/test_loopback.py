"""Loopback addresses, and what they are for a client on another machine."""

from __future__ import annotations

import pytest

from shared.net.loopback import as_reached, leads_to_loopback

IMAGE = "http://127.0.0.1:8100/cdn/avatars/1/ab.png?size=64"


@pytest.mark.parametrize(
    ("url", "leads"),
    [
        ("http://127.0.0.1:8100/cdn", True),
        ("http://127.1.2.3", True),
        ("ws://localhost:8001", True),
        ("ws://grux.localhost:8001", True),
        ("ws://[::1]:8001", True),
        ("ws://192.0.2.7:8001", False),
        ("https://localhost.example.org", False),
        ("https://cdn.discordapp.com", False),
        ("", False),
    ],
)
def test_loopback(url: str, leads: bool) -> None:
    """Names and addresses of this machine, in any scheme."""
    assert leads_to_loopback(url) == leads


@pytest.mark.parametrize(
    ("url", "host", "reached"),
    [
        (IMAGE, "192.0.2.7:8000", "http://192.0.2.7:8100/cdn/avatars/1/ab.png?size=64"),
        (IMAGE, "grux.lan", "http://grux.lan:8100/cdn/avatars/1/ab.png?size=64"),
        (IMAGE, "[2001:db8::7]:8000", "http://[2001:db8::7]:8100/cdn/avatars/1/ab.png?size=64"),
        (IMAGE, "localhost:8000", IMAGE),
        (IMAGE, "", IMAGE),
        ("https://cdn.discordapp.com/a.png", "grux.lan", "https://cdn.discordapp.com/a.png"),
        ("http://localhost/a.png", "grux.lan:8000", "http://grux.lan/a.png"),
    ],
)
def test_as_reached(url: str, host: str, reached: str) -> None:
    """The host that the client used, and the port of the URL."""
    assert as_reached(url, host) == reached
