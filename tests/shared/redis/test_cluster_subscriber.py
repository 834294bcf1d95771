"""The users of a cluster subscriber, while masters come and go. No node answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.crc import key_slot

from shared.redis import keys
from shared.redis.cluster.subscriber import ClusterSubscriber
from shared.redis.cluster.topology import Slots
from shared.redis.store import StoreUnavailable
from shared.redis.url import Address, parse
from testing.free_port import free_port

ANNA = 1274150219482660897
LAST = 16_383  # slot


class Listener:
    """A listener that expects no call."""

    def updated(self, *_: object) -> None: ...
    def joined(self, *_: object) -> None: ...
    def on_disconnect(self) -> None: ...
    def on_reconnect(self) -> None: ...
    def on_resync(self) -> None: ...


class Cluster:
    def __init__(self) -> None:
        self.masters: list[Address] = [("127.0.0.1", free_port()) for _ in range(2)]
        hosts = ",".join(f"{host}:{port}" for host, port in self.masters)
        self.subscriber = ClusterSubscriber(parse(f"redis+cluster://{hosts}"), Listener())

    def become(self, *ranges: tuple[int, int, Address]) -> None:
        slots = Slots(ranges)
        self.subscriber._cluster.slots = slots
        self.subscriber._on_slots(slots)

    def connect(self) -> None:
        self.subscriber._connected = True
        for one in self.subscriber._subscribers.values():
            one._connected = True

    def wanted(self) -> dict[Address, bool]:
        return {at: ANNA in one._wanted for at, one in self.subscriber._subscribers.items()}


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    cluster = Cluster()
    yield cluster
    for task in cluster.subscriber._tasks.values():
        task.cancel()
    await asyncio.gather(*cluster.subscriber._tasks.values(), return_exceptions=True)


async def subscribed(cluster: Cluster) -> tuple[Address, Address, int]:
    """Anna's master, another one, and her slot."""
    first, other = cluster.masters
    cluster.become((0, LAST, first))
    cluster.connect()
    subscribing = asyncio.create_task(cluster.subscriber.subscribe(ANNA))
    await asyncio.sleep(0)
    assert cluster.wanted() == {first: True}
    slot = key_slot(keys.presence(ANNA).encode())
    subscribing.cancel()
    return first, other, slot


@pytest.mark.parametrize("comes_back", [True, False])
async def test_a_master_goes_and_its_slots_have_none(cluster: Cluster, comes_back: bool) -> None:
    """Until it is back, or another one has them."""
    first, other, slot = await subscribed(cluster)
    rest = ((0, slot - 1, other), (slot + 1, LAST, other))
    cluster.become(*rest)
    assert cluster.wanted() == {other: False}
    new = first if comes_back else other
    cluster.become((slot, slot, new), *rest)
    assert cluster.wanted()[new]
    cluster.subscriber.unsubscribe(ANNA)
    assert not any(cluster.wanted().values())


async def test_a_user_leaves_while_their_slot_has_no_master(cluster: Cluster) -> None:
    first, other, slot = await subscribed(cluster)
    rest = ((0, slot - 1, other), (slot + 1, LAST, other))
    cluster.become(*rest)
    cluster.subscriber.unsubscribe(ANNA)
    cluster.become((slot, slot, first), *rest)
    assert not any(cluster.wanted().values())


async def test_a_slot_moves_while_a_subscription_waits(cluster: Cluster) -> None:
    """It fails, and the new master does not keep it."""
    first, other = cluster.masters
    cluster.become((0, LAST, first))
    cluster.connect()
    subscribing = asyncio.create_task(cluster.subscriber.subscribe(ANNA))
    await asyncio.sleep(0)
    cluster.become((0, LAST, other))
    with pytest.raises(StoreUnavailable):
        await subscribing
    assert not any(cluster.wanted().values())
