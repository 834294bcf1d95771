"""The users' connections in the durable Redis."""

from __future__ import annotations

import pytest

from shared.model.connected_accounts import OwnConnection
from shared.redis import keys
from shared.redis.connected_accounts import ConnectedAccountsStore
from shared.redis.durable import DurableUnavailable
from shared.redis.store import Store
from testing.eventually import PATIENCE
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


async def test_a_key_of_another_type_affects_nobody_else(store: Store) -> None:
    """It counts as empty, and is replaced by the next answer of Discord."""
    accounts = ConnectedAccountsStore(store)
    await accounts.replace(OTHER, CONNECTIONS)
    await store.redis.hset(keys.durable_connections(USER), "a", "b")
    assert await accounts.get_many([USER, OTHER]) == [[], CONNECTIONS]
    await accounts.replace(USER, CONNECTIONS)
    assert await accounts.get(USER) == CONNECTIONS


async def test_gateways_are_told_of_changes(store: Store) -> None:
    """The same answer of Discord, every day, is no change."""
    accounts = ConnectedAccountsStore(store)
    async with store.redis.pubsub() as pubsub:
        await pubsub.subscribe(keys.SETTINGS_CHANNEL)
        await accounts.erase(USER)
        for connections in (CONNECTIONS, CONNECTIONS, CONNECTIONS[:1]):
            await accounts.replace(USER, connections)
        await accounts.erase(USER)
        await accounts.erase(USER)
        await store.redis.publish(keys.SETTINGS_CHANNEL, b"end")
        told: list[bytes] = []
        while not told or told[-1] != b"end":
            message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=PATIENCE)
            if message is not None:
                told.append(message["data"])
    assert told == [str(USER).encode()] * 3 + [b"end"]


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
