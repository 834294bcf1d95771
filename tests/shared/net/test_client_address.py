"""The address by which limits count a client."""

from __future__ import annotations

import pytest

from shared.config import ConfigError, WsSettings
from shared.net.client_address import (
    MAX_HOP_CHARS,
    MAX_HOPS,
    PRIVATE_FACTOR,
    ClientResolver,
    SharedAddressNotice,
    budget,
    client_ip,
    forwarded_for_tail,
    networks,
)
from testing.logged import own_lines

PROXIES = networks("127.0.0.0/8, 10.0.0.0/8 ::1 203.0.113.7")


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "client"),
    [
        ("8.8.8.8", "", "8.8.8.8"),
        ("8.8.8.8", "9.9.9.9", "8.8.8.8"),  # a client that comes directly is not believed
        (
            "192.168.0.7",
            "9.9.9.9",
            "private 192.168.0.7",
        ),  # nor a private address that is not named
        ("127.0.0.1", "", None),
        ("127.0.0.1", "9.9.9.9", "9.9.9.9"),
        ("10.1.2.3", "1.1.1.1, 9.9.9.9", "9.9.9.9"),  # the first may be made up
        ("10.1.2.3", "9.9.9.9, 10.0.0.2, 203.0.113.7", "9.9.9.9"),  # through three proxies
        ("203.0.113.7", "1.1.1.1,9.9.9.9", "9.9.9.9"),
        ("10.1.2.3", "192.168.0.7", "private 192.168.0.7"),
        ("10.1.2.3", "10.0.0.2", "private 10.0.0.2"),  # as Docker shows IPv6 clients to Caddy
        ("fd00::7", "", "private fd00::7"),
        ("10.1.2.3", "9.9.9.9, unknown", None),  # the proxy itself does not know
        ("10.1.2.3", "unknown, 9.9.9.9", "9.9.9.9"),  # what a client made up lifts no limit
        ("10.1.2.3", "1.1.1.1:x:y, [, 9.9.9.9, 10.0.0.2", "9.9.9.9"),
        ("10.1.2.3", ",,:, %,9.9.9.9", "9.9.9.9"),
        ("10.1.2.3", "1.1.1.1:80, 9.9.9.9:1234", "9.9.9.9"),
        ("10.1.2.3", "9.9.9.9:1234, 10.0.0.2:80", "9.9.9.9"),  # a port, and a trusted proxy
        ("10.1.2.3", "[2606:4700:1:2:3:4:5:6]:1234", "2606:4700:1:2::/64"),
        ("10.1.2.3", "[2606:4700:1:2:3:4:5:6]", "2606:4700:1:2::/64"),
        ("10.1.2.3", "9.9.9.9, [::1]:80", "9.9.9.9"),
        ("10.1.2.3", "[::ffff:9.9.9.9]:1234", "9.9.9.9"),
        ("10.1.2.3", "2606:4700:1:2::1:1234", "2606:4700:1:2::/64"),  # no port: no brackets
        ("", "9.9.9.9", None),
        ("::1", "2606:4700:1:2:3:4:5:6", "2606:4700:1:2::/64"),
        ("::ffff:8.8.8.8", "", "8.8.8.8"),
        ("::ffff:10.0.0.1", "9.9.9.9", "9.9.9.9"),
        ("fe80::1%eth0", "", None),
    ],
)
def test_client_ip(peer: str, forwarded_for: str, client: str | None) -> None:
    """A public peer counts as itself; X-Forwarded-For counts from a named proxy alone."""
    assert client_ip(peer, forwarded_for, PROXIES) == client


@pytest.mark.parametrize(
    ("forwarded_for", "client"),
    [
        ("1.1.1.1" + ", 10.0.0.2" * (MAX_HOPS - 1), "1.1.1.1"),
        ("1.1.1.1" + ", 10.0.0.2" * MAX_HOPS, "private 10.0.0.2"),  # no chain of proxies is so long
        ("9.9.9.9, " + "1" * 30_000, None),
        ("1.1.1.1, " * 3_000 + "9.9.9.9", "9.9.9.9"),
        ("1.1.1.1," + " " * 30_000 + "9.9.9.9", None),
    ],
)
def test_a_long_header_is_read_as_far_as_proxies_write_it(
    forwarded_for: str, client: str | None
) -> None:
    """The same from the whole header and from its end."""
    assert client_ip("10.0.0.1", forwarded_for, PROXIES) == client
    assert client_ip("10.0.0.1", forwarded_for_tail([forwarded_for]), PROXIES) == client


def test_the_tail_of_several_lines_is_bounded() -> None:
    """The last lines are kept, in their order."""
    assert forwarded_for_tail([]) == ""
    assert forwarded_for_tail(["1.1.1.1", "9.9.9.9, 10.0.0.2"]) == "1.1.1.1,9.9.9.9, 10.0.0.2"
    tail = forwarded_for_tail(["1.1.1.1"] * 10_000)
    assert tail.endswith("1.1.1.1,1.1.1.1")
    assert len(tail) <= MAX_HOPS * (MAX_HOP_CHARS + 2)


def test_remembered_addresses_are_bounded() -> None:
    """A flood from more addresses than are remembered empties the memory."""
    clients = ClientResolver(PROXIES, cache_entries=10)
    for number in range(100):
        assert clients.client_ip("10.0.0.1", f"9.9.9.{number}") == f"9.9.9.{number}"
        assert clients.cached <= 10


def test_what_a_client_made_up_is_not_remembered() -> None:
    """Only the proxy, and the address that it appended."""
    clients = ClientResolver(PROXIES)
    for number in range(100):
        assert clients.client_ip("10.0.0.1", f"1.1.1.{number}, 9.9.9.9") == "9.9.9.9"
    assert clients.cached == 2


def test_without_named_proxies_the_header_is_ignored() -> None:
    """The default."""
    assert client_ip("127.0.0.1", "9.9.9.9", ()) is None


@pytest.mark.parametrize("text", ["10.0.0.1/8", "proxy", "10.0.0.0/99"])
def test_a_bad_setting_is_named(text: str) -> None:
    """Before anything listens."""
    with pytest.raises(ConfigError, match="TRUSTED_PROXIES must be addresses and networks"):
        WsSettings(trusted_proxies=text)


def test_a_private_address_has_the_budget_of_many_clients() -> None:
    """It may be that of a proxy in front of all of them."""
    assert budget("8.8.8.8", 10) == 10
    assert budget("private 172.18.0.1", 10) == 10 * PRIVATE_FACTOR


def test_a_private_address_that_does_too_much_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The line says what to do. A public address is only a client that does too much."""
    notice = SharedAddressNotice()
    notice.over_limit("8.8.8.8")
    assert own_lines(caplog) == []
    notice.over_limit("private 172.18.0.1")
    notice.over_limit("private 172.18.0.1")
    [line] = own_lines(caplog)
    assert "private address 172.18.0.1" in line
    assert "TRUSTED_PROXIES" in line
