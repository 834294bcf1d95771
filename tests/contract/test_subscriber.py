"""Updates of subscribed users, and a lost connection, which is always reported."""

from __future__ import annotations

import asyncio

import pytest

from shared.redis.held_connection import ConnectionTimings
from shared.redis.store import Save, Store, StoreUnavailable
from shared.redis.subscriber import Subscriber
from testing.eventually import PATIENCE
from testing.redis_server import RedisServer
from tests.contract.conftest import Connect
from tests.contract.recorder import GUILD, USER, Recorder, running, state

QUICK = ConnectionTimings(connect_timeout_s=0.2, ping_interval_s=0.2, ping_timeout_s=0.2)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def subscriber(connect: Connect, recorder: Recorder) -> Subscriber:
    return Subscriber(connect().connection_pool, recorder)


async def test_updates_of_subscribed_users_arrive(
    store: Store, subscriber: Subscriber, recorder: Recorder
) -> None:
    """From the moment that `subscribe` returns, and no other user's."""
    async with running(subscriber):
        await recorder.reconnected()
        await store.save([Save(user, state(1), joined=(GUILD,)) for user in (USER, 5)])
        await subscriber.subscribe(USER)
        [_, version] = await store.save([Save(5, state(2)), Save(USER, state(2))])
        await recorder.until(lambda: version in recorder.versions())
    assert recorder.versions() == [version]


async def test_a_burst_arrives_whole_and_in_order(
    store: Store, subscriber: Subscriber, recorder: Recorder
) -> None:
    """Every update of every user, however many the connection reads at once."""
    users = range(USER, USER + 100)
    async with running(subscriber):
        await recorder.reconnected()
        await store.save([Save(user, state(0), joined=(GUILD,)) for user in users])
        await asyncio.gather(*(subscriber.subscribe(user) for user in users))
        recorder.events.clear()
        expected = []
        for number in range(1, 11):
            saves = [Save(user, state(number)) for user in users]
            expected += list(zip(users, await store.save(saves), strict=True))
        await recorder.until(lambda: len(recorder.events) == len(expected))
    updates = [event for event in recorder.events if isinstance(event, tuple)]
    for user in users:
        versions = [update.version for one, update in updates if one == user]
        assert versions == [version for one, version in expected if one == user]


async def test_updates_carry_the_time_of_discord(
    store: Store, subscriber: Subscriber, recorder: Recorder
) -> None:
    """In microseconds, as the gateway wrote it; 0 where it is not known."""
    now = 1_795_466_603_820_123
    async with running(subscriber):
        await recorder.reconnected()
        await subscriber.subscribe(USER)
        await store.save([Save(USER, state(1), joined=(GUILD,), received=now)])
        await store.save([Save(USER, state(2))])
        await recorder.until(lambda: len(recorder.versions()) == 2)
    updates = [event[1] for event in recorder.events if isinstance(event, tuple)]
    assert [update.received for update in updates] == [now, 0]


async def test_no_updates_of_unsubscribed_users_arrive(
    store: Store, subscriber: Subscriber, recorder: Recorder
) -> None:
    """Also when they are unsubscribed and subscribed again at once."""
    async with running(subscriber):
        await recorder.reconnected()
        await store.save([Save(user, state(1), joined=(GUILD,)) for user in (USER, 5)])
        await subscriber.subscribe(USER)
        await subscriber.subscribe(5)
        subscriber.unsubscribe(USER)
        await store.save([Save(USER, state(2))])
        subscriber.unsubscribe(5)
        await subscriber.subscribe(5)
        [version] = await store.save([Save(5, state(2))])
        await recorder.until(lambda: version in recorder.versions())
    assert recorder.versions() == [version]


async def test_many_subscribe_at_once(
    store: Store, subscriber: Subscriber, recorder: Recorder
) -> None:
    """In more than one command, and each of them is confirmed."""
    users = range(1, 1201)
    async with running(subscriber):
        await recorder.reconnected()
        await asyncio.gather(*(subscriber.subscribe(user) for user in users))
        await store.save([Save(user, state(1), joined=(GUILD,)) for user in users])
        await recorder.until(lambda: len(recorder.versions()) == len(users))


@pytest.mark.parametrize("turns", range(8))
async def test_the_last_wish_counts_however_fast_wishes_change(
    store: Store, subscriber: Subscriber, recorder: Recorder, turns: int
) -> None:
    """A confirmation of the first SUBSCRIBE says nothing of the second, after an UNSUBSCRIBE."""
    users = range(1, 41)
    async with running(subscriber):
        await recorder.reconnected()
        await store.save([Save(user, state(1), joined=(GUILD,)) for user in users])
        for user in users:
            first = asyncio.create_task(subscriber.subscribe(user))
            for _ in range(turns + user % 5):
                await asyncio.sleep(0)
            subscriber.unsubscribe(user)
            for _ in range(user % 3):
                await asyncio.sleep(0)
            await subscriber.subscribe(user)
            await asyncio.gather(first, return_exceptions=True)
        versions = set(await store.save([Save(user, state(2)) for user in users]))
        await recorder.until(lambda: versions <= set(recorder.versions()))


async def test_a_subscribe_that_waits_fails_when_the_user_is_unsubscribed(
    subscriber: Subscriber, recorder: Recorder
) -> None:
    """Its confirmation cannot come any more."""
    async with running(subscriber):
        await recorder.reconnected()
        waiting = asyncio.create_task(subscriber.subscribe(USER))
        await asyncio.sleep(0)
        subscriber.unsubscribe(USER)
        with pytest.raises(StoreUnavailable):
            await waiting


async def test_a_message_that_is_not_readable_is_skipped(
    store: Store, subscriber: Subscriber, recorder: Recorder
) -> None:
    """Other software may publish there. The next update arrives."""
    messages = (b"", b"{", b"[]", b'{"version":"x"}', b"\xff")
    async with running(subscriber):
        await recorder.reconnected()
        await store.save([Save(USER, state(1), joined=(GUILD,))])
        await subscriber.subscribe(USER)
        for message in messages:
            await store.redis.publish(f"presence:{{{USER}}}", message)
        [version] = await store.save([Save(USER, state(2))])
        await recorder.until(lambda: version in recorder.versions())
    assert recorder.versions() == [version]
    assert subscriber.unreadable == len(messages)


async def test_a_resync_keeps_the_connection(
    store: Store, subscriber: Subscriber, recorder: Recorder
) -> None:
    """Redis may have lost users of whom no message tells. What is published meanwhile arrives."""
    async with running(subscriber):
        await recorder.reconnected()
        await subscriber.subscribe(USER)
        recorder.events.clear()
        await store.announce_resync()
        [version] = await store.save([Save(USER, state(1), joined=(GUILD,))])
        await recorder.until(lambda: version in recorder.versions())
        assert recorder.events[0] == "resync"
        assert "disconnect" not in recorder.events
        assert subscriber.connected


async def test_a_killed_connection_is_reported(server_url: str, recorder: Recorder) -> None:
    """redis-py's PubSub reconnects silently and loses what was published meanwhile."""
    subscriber = Subscriber.connect(server_url, recorder)
    async with running(subscriber), Store.connect(server_url, timeout=PATIENCE) as store:
        await recorder.reconnected()
        await store.save([Save(USER, state(1), joined=(GUILD,))])
        await subscriber.subscribe(USER)
        for round_ in range(5):
            recorder.events.clear()
            await store.redis.client_kill_filter(_type="pubsub")
            await recorder.reconnected()
            assert recorder.events[:2] == ["disconnect", "reconnect"]
            [version] = await store.save([Save(USER, state(10 + round_))])
            await recorder.until(lambda at=version: at in recorder.versions())  # type: ignore[misc]


async def test_not_connected_before_redis_has_answered(server_url: str, recorder: Recorder) -> None:
    """Not even without users and with something still to be sent: an unsubscribe from before
    would end the new connection when its answer comes, again and again."""
    subscriber = Subscriber.connect(server_url, recorder)
    async with running(subscriber), Store.connect(server_url, timeout=PATIENCE) as store:
        await recorder.reconnected()
        for _ in range(5):
            recorder.events.clear()
            await store.redis.client_kill_filter(_type="pubsub")
            await recorder.until(lambda: "disconnect" in recorder.events)
            subscriber.unsubscribe(USER)
            await recorder.reconnected()
            await subscriber.subscribe(USER)
            assert recorder.events == ["disconnect", "reconnect"]
            subscriber.unsubscribe(USER)


async def test_a_restart_of_redis_is_reported(own_server: RedisServer, recorder: Recorder) -> None:
    """While Redis is away no user can be subscribed; afterwards the earlier ones still are."""
    subscriber = Subscriber.connect(own_server.url, recorder)
    async with running(subscriber), Store.connect(own_server.url, timeout=PATIENCE) as store:
        await recorder.reconnected()
        await subscriber.subscribe(USER)
        recorder.events.clear()
        await own_server.kill()
        await recorder.until(lambda: "disconnect" in recorder.events)
        with pytest.raises(StoreUnavailable):
            await subscriber.subscribe(5)
        await own_server.start()
        await recorder.reconnected()
        [version] = await store.save([Save(USER, state(1), joined=(GUILD,))])
        await recorder.until(lambda: version in recorder.versions())


async def test_a_connection_that_breaks_without_a_sign_is_reported(
    own_server: RedisServer, recorder: Recorder
) -> None:
    """A paused server keeps the connection open and sends nothing."""
    subscriber = Subscriber.connect(own_server.url, recorder, timings=QUICK)
    async with running(subscriber):
        await recorder.reconnected()
        await own_server.pause()
        await recorder.until(lambda: "disconnect" in recorder.events)
        recorder.events.clear()
        await own_server.resume()
        await recorder.reconnected()
