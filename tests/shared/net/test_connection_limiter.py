"""The connection limiter, without sockets."""

from __future__ import annotations

import asyncio

from shared.net.connection_limiter import ConnectionCounter, ConnectionLimiter
from testing.eventually import eventually

MANY = 1000
NEVER_S = 3600.0


class Client:
    """Counts how often it is told to close."""

    def __init__(self) -> None:
        self.address: str | None = None
        self.closed = 0

    def on_deadline(self) -> None:
        self.closed += 1


def limiter(
    connections: int = MANY, per_address: int = MANY, pending: int = MANY
) -> ConnectionLimiter:
    return ConnectionLimiter(
        max_connections=connections, max_connections_per_address=per_address, max_pending=pending
    )


def test_an_address_has_its_share() -> None:
    """A connection that is released may be acquired again."""
    addresses = ConnectionCounter(2)
    assert [addresses.acquire("a") for _ in range(3)] == [True, True, False]
    assert addresses.acquire("b")
    addresses.release("a")
    assert addresses.acquire("a")
    assert not addresses.acquire("a")


def test_connections_of_one_address() -> None:
    """One that was refused takes no share, and a client without an address is not counted."""
    limit = limiter(per_address=2)
    clients = [Client() for _ in range(5)]
    for client in clients:
        limit.add(client)
    assert [limit.acquire_address(client, "a") for client in clients[:3]] == [True, True, False]
    assert limit.acquire_address(clients[3], "b")
    assert limit.acquire_address(clients[4], None)
    limit.remove(clients[2])
    assert not limit.acquire_address(clients[4], "a")
    limit.remove(clients[0])
    assert limit.acquire_address(clients[4], "a")
    assert limit.connections == 3


def test_a_newcomer_takes_the_place_of_the_longest_pending() -> None:
    """As soon as all places are taken; it is closed once, and counted until it is removed."""
    limit = limiter(connections=2)
    first, second, third = Client(), Client(), Client()
    assert limit.add(first)
    assert limit.add(second)
    assert limit.add(third)
    assert [client.closed for client in (first, second, third)] == [1, 0, 0]
    assert (limit.connections, limit.pending, limit.closed) == (3, 2, 1)
    limit.remove(first)
    assert (limit.connections, limit.pending) == (2, 2)


def test_a_connection_that_is_not_pending_keeps_its_place() -> None:
    """Then the newcomer is one too many; it is counted, as it has to read that."""
    limit = limiter(connections=1)
    busy, late = Client(), Client()
    limit.add(busy)
    limit.clear_pending(busy)
    assert not limit.add(late)
    assert (busy.closed, limit.connections) == (0, 2)


def test_after_its_response_a_connection_is_pending_again() -> None:
    """In the order in which they began to wait, not in which they connected."""
    limit = limiter(connections=2)
    first, second = Client(), Client()
    limit.add(first)
    limit.add(second)
    limit.clear_pending(first)
    limit.set_pending(first)
    limit.add(Client())
    assert (first.closed, second.closed) == (0, 1)


def test_the_number_of_pending_connections_is_bounded() -> None:
    """Whatever the number of all connections may be."""
    limit = limiter(pending=2)
    clients = [Client() for _ in range(4)]
    assert all(limit.add(client) for client in clients)
    assert [client.closed for client in clients] == [1, 1, 0, 0]
    assert limit.pending == 2


async def test_a_deadline_closes_a_connection_once() -> None:
    """Unless it is cleared, or the connection is removed before."""
    limit = limiter()
    late, quick, gone, patient = (Client() for _ in range(4))
    for client in (late, quick, gone):
        limit.add(client)
        limit.set_deadline(client, 0.0)
    limit.add(patient)
    limit.set_deadline(patient, NEVER_S)
    limit.clear_deadline(quick)
    limit.remove(gone)
    limit.sweep()
    limit.sweep()
    assert [client.closed for client in (late, quick, gone, patient)] == [1, 0, 0, 0]
    assert (limit.deadlines, limit.closed, limit.pending) == (1, 1, 2)


async def test_it_sweeps_while_it_runs() -> None:
    """Until cancelled."""
    limit = limiter()
    client = Client()
    limit.add(client)
    running = asyncio.create_task(limit.run(0.001))
    limit.set_deadline(client, 0.002)
    await eventually(lambda: client.closed == 1)
    running.cancel()
