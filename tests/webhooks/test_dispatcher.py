"""Endpoints have the newest state of each user, over failures, restarts and outages of Redis."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from functools import partial

import msgspec
import pytest

from shared.redis import keys
from shared.redis.store import Store
from testing.eventually import PATIENCE, eventually
from testing.tcp_proxy import TcpProxy
from tests.generation import mark_complete
from tests.webhooks.receiver import HANG, OK, Receiver, answer, receiving
from tests.webhooks.webhooks_fixture import Source, endpoint_of, idle
from tests.ws.ws_fixture import ANNA, BERT, CARL, presence

FAILED = answer("500 Internal Server Error")


@pytest.fixture
async def source(redis_url: str) -> AsyncIterator[Source]:
    async with Store.connect(redis_url, timeout=PATIENCE) as store:
        yield Source(redis_url, store)


async def test_each_change_arrives_as_the_api_shows_it(source: Source, receiver: Receiver) -> None:
    """The users who are there, those who join, what they change, and their end."""
    await source.show(ANNA, 1)
    async with source.dispatching(endpoint_of(receiver)) as dispatcher:
        await eventually(lambda: receiver.shown == [(ANNA, 1)])
        assert receiver.received[0].body["data"] == msgspec.to_builtins(presence(1))
        await source.show(BERT, 2)
        await eventually(lambda: receiver.shown[1:] == [(BERT, 2)])
        await source.show(ANNA, 3)
        await eventually(lambda: receiver.shown[2:] == [(ANNA, 3)])
        await source.remove(ANNA)
        await eventually(lambda: receiver.shown[3:] == [(ANNA, None)])
        await source.show(ANNA, 3)
        await eventually(lambda: receiver.shown[4:] == [(ANNA, 3)])
        await idle(dispatcher)
    kinds = [one.body["type"] for one in receiver.received]
    assert kinds == [*["presence.updated"] * 3, "presence.removed", "presence.updated"]
    stamps = [one.body["timestamp"] for one in receiver.received if one.user_id == ANNA]
    assert stamps == sorted(stamps)
    assert len({one.id for one in receiver.received}) == 5


async def test_removals_and_states_are_in_order(source: Source, receiver: Receiver) -> None:
    """By Redis' clock, whichever clock this machine has: receivers ignore what is older."""
    await source.show(ANNA, 1)
    async with source.dispatching(endpoint_of(receiver)) as dispatcher:
        await idle(dispatcher)
    await source.remove(ANNA)
    await mark_complete(source.store)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time", lambda: 4e9)
        patch.setattr(time, "time_ns", lambda: 4_000_000_000_000_000_000)
        async with source.dispatching(endpoint_of(receiver)) as dispatcher:
            await eventually(lambda: receiver.shown == [(ANNA, 1), (ANNA, None)])
            await source.show(ANNA, 2)
            await eventually(lambda: len(receiver.shown) == 3)
            await source.remove(ANNA)
            await eventually(lambda: len(receiver.shown) == 4)
            await source.show(ANNA, 2)
            await eventually(lambda: len(receiver.shown) == 5)
            await idle(dispatcher)
    stamps = [one.body["timestamp"] for one in receiver.received]
    assert stamps == sorted(set(stamps))


async def test_only_the_users_of_an_endpoint_are_sent(source: Source, receiver: Receiver) -> None:
    """Those who are not monitored yet are sent when they are."""
    async with receiving() as all_users:
        await source.show(CARL, 1)
        endpoints = (endpoint_of(receiver, ANNA, BERT), endpoint_of(all_users))
        async with source.dispatching(*endpoints) as dispatcher:
            await eventually(lambda: all_users.shown == [(CARL, 1)])
            await source.show(ANNA, 2)
            await eventually(lambda: len(all_users.shown) == 2)
            await eventually(lambda: receiver.shown == [(ANNA, 2)])
            await idle(dispatcher)


async def test_listed_users_who_join_are_sent(source: Source, receiver: Receiver) -> None:
    """Where no endpoint is for everyone."""
    async with source.dispatching(endpoint_of(receiver, ANNA)) as dispatcher:
        await idle(dispatcher)
        await source.show(BERT, 1)
        await source.show(ANNA, 2)
        await eventually(lambda: receiver.shown == [(ANNA, 2)])
        await source.remove(ANNA)
        await eventually(lambda: receiver.shown[1:] == [(ANNA, None)])
        await source.show(ANNA, 3)
        await eventually(lambda: receiver.shown[2:] == [(ANNA, 3)])


async def test_a_change_of_the_profile_is_no_message(source: Source, receiver: Receiver) -> None:
    """The presence has not changed."""
    await source.show(ANNA, 1)
    async with source.dispatching(endpoint_of(receiver)) as dispatcher:
        await eventually(lambda: receiver.shown == [(ANNA, 1)])
        await source.show(ANNA, 1, name="anne")
        await source.show(BERT, 1)
        await eventually(lambda: len(receiver.shown) == 2)
        await idle(dispatcher)
    assert receiver.shown == [(ANNA, 1), (BERT, 1)]


async def test_a_retry_is_the_same_message(source: Source, receiver: Receiver) -> None:
    """With the same id, so that the receiver recognizes it."""
    receiver.answers = [FAILED, answer("302 Found", "Location: /"), answer("429 Slow"), OK]
    await source.show(ANNA, 1)
    async with source.dispatching(endpoint_of(receiver)) as dispatcher:
        await eventually(lambda: len(receiver.received) == 4)
        await idle(dispatcher)
    assert len({one.id for one in receiver.received}) == 1
    assert [one.body for one in receiver.received] == [receiver.received[0].body] * 4


async def test_what_somebody_hides_is_not_sent_any_more(source: Source, receiver: Receiver) -> None:
    """It waited, because the endpoint was broken. The endpoint is told that they are gone."""
    await source.show(ANNA, 1)
    async with source.dispatching(endpoint_of(receiver)) as dispatcher:
        await idle(dispatcher)
        receiver.choose = lambda _: FAILED
        await source.show(ANNA, 2)
        await eventually(lambda: (ANNA, 2) in receiver.shown)
        await source.remove(ANNA)
        await eventually(lambda: receiver.shown[-1] == (ANNA, None))
        receiver.choose = None
        await idle(dispatcher)
    removed = receiver.shown.index((ANNA, None))
    assert set(receiver.shown[removed:]) == {(ANNA, None)}
    assert receiver.received[-1].body["data"] is None


async def test_an_endpoint_does_not_hold_the_others(source: Source, receiver: Receiver) -> None:
    """One that never answers, and one that fails."""
    async with receiving() as hanging, receiving() as broken:
        hanging.choose = lambda _: HANG
        broken.choose = lambda _: FAILED
        endpoints = [endpoint_of(one) for one in (hanging, broken, receiver)]
        async with source.dispatching(*endpoints) as dispatcher:
            for number in range(1, 30):
                await source.show(ANNA, number)
                await eventually(partial(receiver.has_shown, ANNA, number))
            await eventually(lambda: len(hanging.received) == 1)
            assert all(one.pending <= 2 for one in dispatcher.deliveries)
        assert len(hanging.received) == 1


async def test_a_restart_sends_what_was_missed(source: Source, receiver: Receiver) -> None:
    """Changes and removals; nothing that the endpoint has acknowledged."""
    for user_id in (ANNA, BERT, CARL):
        await source.show(user_id, 1)
    async with source.dispatching(endpoint_of(receiver)) as dispatcher:
        await eventually(lambda: len(receiver.received) == 3)
        await idle(dispatcher)
    await source.show(BERT, 2)
    await source.remove(CARL)
    await mark_complete(source.store)
    async with source.dispatching(endpoint_of(receiver)) as dispatcher:
        await eventually(lambda: len(receiver.received) == 5)
        await idle(dispatcher)
    assert set(receiver.shown[3:]) == {(BERT, 2), (CARL, None)}


async def test_a_lost_connection_loses_no_state(source: Source, receiver: Receiver) -> None:
    """What changed meanwhile is sent, and only the newest of it."""
    proxy = TcpProxy("redis", int(source.redis_url.rpartition(":")[2].partition("/")[0]))
    await proxy.start()
    url = f"redis://127.0.0.1:{proxy.port}/0"
    await source.show(ANNA, 1)
    await source.show(BERT, 1)
    await mark_complete(source.store)
    async with source.dispatching(endpoint_of(receiver), redis_url=url) as dispatcher:
        await eventually(lambda: len(receiver.shown) == 2)
        await idle(dispatcher)
        proxy.cut()
        follower = dispatcher.follower
        await eventually(lambda: follower is not None and not follower.current)
        await source.show(ANNA, 2)
        await source.show(ANNA, 3)
        await source.remove(BERT)
        proxy.heal()
        await eventually(lambda: len(receiver.shown) == 4)
        await idle(dispatcher)
    await proxy.close()
    assert set(receiver.shown[2:]) == {(ANNA, 3), (BERT, None)}


async def test_users_whom_redis_has_lost_are_not_removed(
    source: Source, receiver: Receiver
) -> None:
    """The gateway writes them again; who is missing then is gone."""
    await source.show(ANNA, 1)
    await source.show(BERT, 1)
    async with source.dispatching(endpoint_of(receiver)) as dispatcher:
        await eventually(lambda: len(receiver.shown) == 2)
        await idle(dispatcher)
        for user_id in (ANNA, BERT):
            await source.store.redis.delete(keys.presence(user_id), keys.guilds(user_id))
        await source.store.redis.delete(keys.USERS)
        await source.store.announce_resync()
        await source.show(ANNA, 2)
        await eventually(lambda: receiver.shown[2:] == [(ANNA, 2)])
        await source.show(CARL, 1)
        await eventually(lambda: receiver.shown[3:] == [(CARL, 1)])
        await mark_complete(source.store)
        await eventually(lambda: receiver.shown[4:] == [(BERT, None)])
        await idle(dispatcher)


async def last_heartbeat(source: Source, ago_s: int) -> None:
    """The only shard was connected so long ago."""
    now = await source.store.server_time()
    await source.store.redis.zadd(keys.HEARTBEATS, {"0/1": round((now - ago_s) * 1000)})


async def test_nobody_is_shown_without_a_gateway(source: Source, receiver: Receiver) -> None:
    """After PRESENCE_MAX_SILENCE. They are shown again when one is back."""
    await last_heartbeat(source, 0)
    await source.show(ANNA, 1)
    async with source.dispatching(endpoint_of(receiver), max_silence_s=1000):
        await eventually(lambda: receiver.shown == [(ANNA, 1)])
        await last_heartbeat(source, 2000)
        await eventually(lambda: receiver.shown[1:] == [(ANNA, None)])
        await last_heartbeat(source, 0)
        await eventually(lambda: receiver.shown[2:] == [(ANNA, 1)])


async def test_nothing_old_is_sent_after_a_start(source: Source, receiver: Receiver) -> None:
    """The gateway is gone for long: what it has left in Redis is not shown by anything."""
    await last_heartbeat(source, 2000)
    await source.show(ANNA, 1)
    async with source.dispatching(endpoint_of(receiver), max_silence_s=1000) as dispatcher:
        await idle(dispatcher)
        assert receiver.shown == []
        await last_heartbeat(source, 0)
        await eventually(lambda: receiver.shown == [(ANNA, 1)])


async def test_one_process_delivers(source: Source, receiver: Receiver) -> None:
    """Another one takes over when it stops, and sends nothing again."""
    await source.show(ANNA, 1)
    endpoint = endpoint_of(receiver)
    async with source.dispatching(endpoint) as first:
        await idle(first)
        async with source.dispatching(endpoint) as second:
            await source.show(ANNA, 2)
            await eventually(lambda: receiver.shown == [(ANNA, 1), (ANNA, 2)])
            await idle(first)
            assert not second.delivers
            assert second.deliveries == ()
    async with source.dispatching(endpoint) as third:
        await idle(third)
        await source.show(ANNA, 3)
        await eventually(lambda: receiver.shown[2:] == [(ANNA, 3)])
        await idle(third)


async def test_a_process_that_loses_the_lease_stops(source: Source, receiver: Receiver) -> None:
    """Another one has it: two must not deliver."""
    async with source.dispatching(endpoint_of(receiver)) as dispatcher:
        await idle(dispatcher)
        await source.store.redis.set(keys.WEBHOOK_LEASE, "another process")
        await eventually(lambda: not dispatcher.delivers)
        await source.show(ANNA, 1)
        await source.store.redis.delete(keys.WEBHOOK_LEASE)
        await eventually(lambda: receiver.shown == [(ANNA, 1)])


async def test_an_endpoint_that_is_gone_stays_gone(source: Source, receiver: Receiver) -> None:
    """Also when Redis was away for so long that the process had to take the lease again."""
    await source.show(ANNA, 1)
    async with receiving() as other:
        receiver.choose = lambda _: answer("410 Gone")
        async with source.dispatching(endpoint_of(receiver), endpoint_of(other)) as dispatcher:
            await idle(dispatcher)
            await source.store.redis.set(keys.WEBHOOK_LEASE, "another process")
            await eventually(lambda: not dispatcher.delivers)
            await source.show(ANNA, 2)
            await source.store.redis.delete(keys.WEBHOOK_LEASE)
            await idle(dispatcher)
        assert (receiver.shown, other.shown) == ([(ANNA, 1)], [(ANNA, 1), (ANNA, 2)])


async def test_strange_notes_are_ignored(source: Source, receiver: Receiver) -> None:
    """Other software writes into this Redis. The user is sent once more."""
    await source.show(ANNA, 1)
    endpoint = endpoint_of(receiver)
    for user_id, note in (("nobody", b"1:x"), (str(ANNA), b"\xff"), ("9" * 30, b"1:x")):
        await source.store.redis.hset(keys.webhook_progress(endpoint.digest), user_id, note)
    async with source.dispatching(endpoint) as dispatcher:
        await idle(dispatcher)
    assert receiver.shown == [(ANNA, 1)]
