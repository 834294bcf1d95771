"""The users' connections in the durable Redis."""

from __future__ import annotations

import pytest

from shared.model.connected_accounts import OwnConnection
from shared.redis import keys
from shared.redis.connected_accounts import ConnectedAccountsStore
from shared.redis.durable import DurableUnavailable
from shared.redis.store import Store
from testing.free_port import free_port

USER, OTHER = 1274150219482660897, 171234567890123776
CONNECTIONS = [
    OwnConnection("github", "4200042", "robin-k", verified=True, visibility=1),
    OwnConnection("twitch", "1001", None, revoked=True),
]


async def test_connections_are_replaced_and_erased(store: Store) -> None:
    """The newest answer of Discord is all that there is."""
    accounts = ConnectedAccountsStore(store)
    assert await accounts.get(USER) == []
    await accounts.replace(USER, CONNECTIONS)
    assert await accounts.get(USER) == CONNECTIONS
    assert await accounts.get_many([OTHER, USER]) == [[], CONNECTIONS]
    await accounts.replace(USER, CONNECTIONS[:1])
    assert await accounts.get(USER) == CONNECTIONS[:1]
    await accounts.erase(USER)
    assert await accounts.get(USER) == []
    assert not await store.redis.exists(keys.durable_connections(USER))


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff", b'{"a":1}', b"[" * 5000])
async def test_what_is_damaged_counts_as_empty(store: Store, damage: bytes) -> None:
    """A fault in one user's data affects no other user."""
    accounts = ConnectedAccountsStore(store)
    await accounts.replace(OTHER, CONNECTIONS)
    await store.redis.set(keys.durable_connections(USER), damage)
    assert await accounts.get_many([USER, OTHER]) == [[], CONNECTIONS]


async def test_an_unreachable_server_is_named() -> None:
    """The caller learns that it is the durable Redis that is away."""
    async with Store.connect(f"redis://127.0.0.1:{free_port()}", timeout=1.0) as away:
        accounts = ConnectedAccountsStore(away)
        with pytest.raises(DurableUnavailable):
            await accounts.get(USER)
        with pytest.raises(DurableUnavailable):
            await accounts.replace(USER, CONNECTIONS)
        with pytest.raises(DurableUnavailable):
            await accounts.erase(USER)
