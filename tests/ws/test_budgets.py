"""What one address may cost in a minute."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from services.ws.budgets import AddressBudgets
from services.ws.handshake import forwarded_for
from services.ws.limits import WsLimits, from_settings
from shared.config import WsSettings
from shared.net.client_address import networks
from testing.eventually import eventually
from tests.ws.ws_fixture import ANNA, STRANGER, Backend, RunningServer, receive, until_closed

PROXIES = networks("127.0.0.0/8, ::1")
OURS, THEIRS = "203.0.112.7", "203.0.112.8"


def by(address: str, ws: RunningServer, *user_ids: int) -> connect:
    """A client that a trusted proxy names so."""
    headers = {"X-Forwarded-For": address}
    return connect(ws.url(*user_ids), additional_headers=headers, ping_interval=None)


async def test_handshakes(backend: Backend) -> None:
    """Those over the budget are closed with 4429, although no connection is open any more. Twice
    as many are a flood, which gets 429 instead of a WebSocket. Other addresses are served.
    """
    await backend.show(ANNA, 1)
    async with backend.serving(WsLimits(handshakes_per_address=3, trusted=PROXIES)) as ws:
        for _ in range(3):
            async with by(OURS, ws, ANNA) as client:
                assert (await receive(client))["op"] == "initial_data"
        for _ in range(3):
            async with by(OURS, ws, ANNA) as client:
                frames, code = await until_closed(client)
                assert (code, frames[0]["d"]["code"]) == (4429, "rate_limited")
        with pytest.raises(InvalidStatus) as refused:
            await by(OURS, ws, ANNA)
        response = refused.value.response
        assert response.status_code == 429
        assert 1 <= int(response.headers["Retry-After"]) <= 60
        assert b'"code":"rate_limited"' in response.body
        async with by(THEIRS, ws, ANNA) as client:
            assert (await receive(client))["op"] == "initial_data"
        await eventually(lambda: ws.counters.connections == 0)


async def test_an_ipv6_visitor_has_one_budget_for_their_network(backend: Backend) -> None:
    """Else every one of 2^64 addresses would have its own."""
    await backend.show(ANNA, 1)
    async with backend.serving(WsLimits(handshakes_per_address=1, trusted=PROXIES)) as ws:
        async with by("2606:4700::1", ws, ANNA) as client:
            assert (await receive(client))["op"] == "initial_data"
        async with by("2606:4700::2:1", ws, ANNA) as client:
            assert (await until_closed(client))[1] == 4429
        async with by("2606:4700:0:1::1", ws, ANNA) as client:
            assert (await receive(client))["op"] == "initial_data"


async def test_users_that_have_to_be_looked_up(backend: Backend) -> None:
    """Unknown ids are counted, also those of connections that were closed; a user who is followed
    already costs no look-up.
    """
    await backend.show(ANNA, 1)
    async with (
        backend.serving(WsLimits(lookups_per_address=20, trusted=PROXIES)) as ws,
        by(THEIRS, ws, ANNA) as other,
    ):
        assert (await receive(other))["op"] == "initial_data"
        for number in range(2):
            ids = range(STRANGER + number * 10, STRANGER + number * 10 + 10)
            async with by(OURS, ws, *ids) as client:
                assert (await until_closed(client))[1] == 4404
        async with by(OURS, ws, ANNA) as client:
            assert (await receive(client))["op"] == "initial_data"
        async with by(OURS, ws, STRANGER) as client:
            assert (await until_closed(client))[1] == 4429
        async with by(THEIRS, ws, STRANGER) as client:
            assert (await until_closed(client))[1] == 4404


async def test_subscriptions(backend: Backend) -> None:
    """Known users count as well."""
    await backend.show(ANNA, 1)
    async with (
        backend.serving(WsLimits(changes_per_address=5, trusted=PROXIES)) as ws,
        AsyncExitStack() as open_clients,
    ):
        for _ in range(5):
            client = await open_clients.enter_async_context(by(OURS, ws, ANNA))
            assert (await receive(client))["op"] == "initial_data"
        async with by(OURS, ws, ANNA) as late:
            frames, code = await until_closed(late)
            assert (code, frames[0]["d"]["code"]) == (4429, "rate_limited")


def test_budgets_are_of_a_minute() -> None:
    """Then all begin anew. A client without an address is not counted."""
    now = 1000.0
    limits = WsLimits(handshakes_per_address=2, changes_per_address=100, lookups_per_address=50)
    budgets = AddressBudgets(limits, clock=lambda: now)
    assert [budgets.handshake("a") for _ in range(6)] == [0, 0, 1, 1, 2, 2]
    assert budgets.retry_after_s == 60.0
    assert [budgets.subscribe("a", 40, 30) for _ in range(3)] == [True, False, False]
    assert [budgets.subscribe("b", 50, 0) for _ in range(3)] == [True, True, False]
    assert budgets.handshake(None) == 0
    assert budgets.subscribe(None, 1000, 1000)
    now += 60.0
    assert budgets.handshake("a") == 0
    assert budgets.subscribe("a", 40, 30)


def test_what_is_refused_is_not_counted() -> None:
    """Clients try again, and would use up what others of the address may ask for."""
    budgets = AddressBudgets(WsLimits(changes_per_address=10, lookups_per_address=10))
    assert [budgets.subscribe("a", 8, 8) for _ in range(3)] == [True, False, False]
    assert budgets.subscribe("a", 2, 2)
    assert not budgets.subscribe("a", 1, 0)


def test_what_alone_is_over_a_budget_has_a_window_of_its_own() -> None:
    """Else it would never be answered."""
    now = 1000.0
    limits = WsLimits(changes_per_address=10, lookups_per_address=10)
    budgets = AddressBudgets(limits, clock=lambda: now)
    assert budgets.subscribe("a", 1, 0)
    assert not budgets.subscribe("a", 40, 0)
    now += 60.0
    assert budgets.subscribe("a", 40, 0)
    assert not budgets.subscribe("a", 1, 0)


def test_the_budgets_of_an_address_follow_what_it_may_open() -> None:
    """All its clients may reconnect after a restart."""
    more = from_settings(WsSettings(ws_connections_per_address=5000), 100_000)
    assert more.handshakes_per_address == 10_000
    assert more.changes_per_address == 60_000
    assert more.lookups_per_address == 10_000
    usual, default = from_settings(WsSettings(), 100_000), WsLimits()
    assert usual.handshakes_per_address == default.handshakes_per_address
    assert usual.changes_per_address == default.changes_per_address
    assert usual.lookups_per_address == default.lookups_per_address


@pytest.mark.parametrize(
    ("head", "found"),
    [
        (b"GET / HTTP/1.1\r\nX-Forwarded-For: 1.1.1.1, 2.2.2.2\r\n\r\n", " 1.1.1.1, 2.2.2.2"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nx-forwarded-for:1.1.1.1\r\n\r\n", "1.1.1.1"),
        (b"GET / HTTP/1.1\r\nX-Forwarded-For: a\r\nX-FORWARDED-FOR: b\r\n\r\n", " a, b"),
        (b"GET / HTTP/1.1\r\nX-Other: X-Forwarded-For: 1.1.1.1\r\n\r\n", ""),
        (b"GET /\nX-Forwarded-For: 1.1.1.1 HTTP/1.1\r\n\r\n", ""),
        (b"GET / HTTP/1.1\r\nX-Forwarded-For-Other: 1.1.1.1\r\n\r\n", ""),
        (b"GET / HTTP/1.1\r\nX-Forwarded-For: \xff\r\n\r\n", " \xff"),
    ],
)
def test_the_address_is_found_before_the_request_is_parsed(head: bytes, found: str) -> None:
    """In all its header lines, and nowhere else."""
    assert forwarded_for(head) == found
