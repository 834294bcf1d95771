"""Subscribed users' updates, and the cut line that is never passed over in silence."""

from __future__ import annotations

import asyncio

import pytest

from shared.redis import subscriber
from shared.redis.store import Save, Store, StoreUnavailable
from shared.redis.subscriber import Subscriber
from testing.eventually import PATIENCE
from testing.redis_server import RedisServer
from tests.contract.conftest import Connect
from tests.contract.recorder import GUILD, USER, Heard, running, state


async def test_subscribed_users_updates_arrive(store: Store, connect: Connect) -> None:
    """From the moment that `subscribe` returns, and no other user's."""
    heard = Heard()
    line = Subscriber(connect(), heard)
    async with running(line):
        await heard.until(lambda: "restored" in heard.events)
        await store.save([Save(user, state(1), joined=(GUILD,)) for user in (USER, 5)])
        await line.subscribe(USER)
        [_, version] = await store.save([Save(5, state(2)), Save(USER, state(2))])
        await heard.until(lambda: version in heard.versions())
    assert heard.versions() == [version]


async def test_updates_say_when_discord_told(store: Store, connect: Connect) -> None:
    """In microseconds, as the gateway wrote it; 0 where it did not know."""
    heard = Heard()
    line = Subscriber(connect(), heard)
    now = 1_795_466_603_820_123
    async with running(line):
        await heard.until(lambda: "restored" in heard.events)
        await line.subscribe(USER)
        await store.save([Save(USER, state(1), joined=(GUILD,), received=now)])
        await store.save([Save(USER, state(2))])
        await heard.until(lambda: len(heard.versions()) == 2)
    updates = [event[1] for event in heard.events if isinstance(event, tuple)]
    assert [update.received for update in updates] == [now, 0]


async def test_unsubscribed_users_are_silent(store: Store, connect: Connect) -> None:
    """Also when they are subscribed and unsubscribed in one breath."""
    heard = Heard()
    line = Subscriber(connect(), heard)
    async with running(line):
        await heard.until(lambda: "restored" in heard.events)
        await store.save([Save(user, state(1), joined=(GUILD,)) for user in (USER, 5)])
        await line.subscribe(USER)
        await line.subscribe(5)
        line.unsubscribe(USER)
        await store.save([Save(USER, state(2))])
        line.unsubscribe(5)
        await line.subscribe(5)
        [version] = await store.save([Save(5, state(2))])
        await heard.until(lambda: version in heard.versions())
    assert heard.versions() == [version]


async def test_many_subscribe_at_once(store: Store, connect: Connect) -> None:
    """A crowd that comes together is subscribed in few commands, and each is confirmed."""
    heard = Heard()
    line = Subscriber(connect(), heard)
    users = range(1, 1201)
    async with running(line):
        await heard.until(lambda: "restored" in heard.events)
        await asyncio.gather(*(line.subscribe(user) for user in users))
        await store.save([Save(user, state(1), joined=(GUILD,)) for user in users])
        await heard.until(lambda: len(heard.versions()) == len(users))


@pytest.mark.parametrize("turns", range(8))
async def test_the_last_word_counts_however_fast_words_follow(
    store: Store, connect: Connect, turns: int
) -> None:
    """A confirmation of the first SUBSCRIBE says nothing of the second, after an UNSUBSCRIBE."""
    heard = Heard()
    line = Subscriber(connect(), heard)
    users = range(1, 41)
    async with running(line):
        await heard.until(lambda: "restored" in heard.events)
        await store.save([Save(user, state(1), joined=(GUILD,)) for user in users])
        for user in users:
            first = asyncio.create_task(line.subscribe(user))
            for _ in range(turns + user % 5):
                await asyncio.sleep(0)
            line.unsubscribe(user)
            for _ in range(user % 3):
                await asyncio.sleep(0)
            await line.subscribe(user)
            await asyncio.gather(first, return_exceptions=True)
        versions = set(await store.save([Save(user, state(2)) for user in users]))
        await heard.until(lambda: versions <= set(heard.versions()))


async def test_waiting_for_a_user_who_is_unsubscribed_ends(connect: Connect) -> None:
    """Nobody waits forever for a confirmation that cannot come."""
    heard = Heard()
    line = Subscriber(connect(), heard)
    async with running(line):
        await heard.until(lambda: "restored" in heard.events)
        waiting = asyncio.create_task(line.subscribe(USER))
        await asyncio.sleep(0)
        line.unsubscribe(USER)
        with pytest.raises(StoreUnavailable):
            await waiting


async def test_message_that_is_not_readable_is_left_out(store: Store, connect: Connect) -> None:
    """Whatever else publishes there: the next update arrives."""
    heard = Heard()
    line = Subscriber(connect(), heard)
    async with running(line):
        await heard.until(lambda: "restored" in heard.events)
        await store.save([Save(USER, state(1), joined=(GUILD,))])
        await line.subscribe(USER)
        for message in (b"", b"{", b"[]", b'{"version":"x"}', b"\xff"):
            await store.redis.publish(f"presence:{{{USER}}}", message)
        [version] = await store.save([Save(USER, state(2))])
        await heard.until(lambda: version in heard.versions())
    assert heard.versions() == [version]


async def test_announcement_is_told_of_and_the_line_stays(store: Store, connect: Connect) -> None:
    """Redis may have lost users of whom no message tells: everything is loaded again. What is
    published in that moment is heard."""
    heard = Heard()
    line = Subscriber(connect(), heard)
    async with running(line):
        await heard.until(lambda: "restored" in heard.events)
        await line.subscribe(USER)
        heard.events.clear()
        await store.announce()
        [version] = await store.save([Save(USER, state(1), joined=(GUILD,))])
        await heard.until(lambda: version in heard.versions())
        assert heard.events[0] == "written anew"
        assert "cut" not in heard.events
        assert line.standing


async def test_killed_connection_is_a_cut_and_a_restoration(redis_url: str) -> None:
    """redis-py would reconnect in silence and lose what was published meanwhile."""
    heard = Heard()
    line = Subscriber.connect(redis_url, heard)
    async with running(line), Store.connect(redis_url, timeout=PATIENCE) as store:
        await heard.until(lambda: "restored" in heard.events)
        await store.save([Save(USER, state(1), joined=(GUILD,))])
        await line.subscribe(USER)
        for round_ in range(5):
            heard.events.clear()
            await store.redis.client_kill_filter(_type="pubsub")
            await heard.until(lambda: "restored" in heard.events)
            assert heard.events[:2] == ["cut", "restored"]
            [version] = await store.save([Save(USER, state(10 + round_))])
            await heard.until(lambda at=version: at in heard.versions())  # type: ignore[misc]


async def test_a_line_does_not_stand_before_redis_has_answered(redis_url: str) -> None:
    """Not even where nobody is wanted and something is still to be sent: it would be cut again
    as soon as the answer comes, and again."""
    heard = Heard()
    line = Subscriber.connect(redis_url, heard)
    async with running(line), Store.connect(redis_url, timeout=PATIENCE) as store:
        await heard.until(lambda: "restored" in heard.events)
        for _ in range(5):
            heard.events.clear()
            await store.redis.client_kill_filter(_type="pubsub")
            await heard.until(lambda: "cut" in heard.events)
            line.unsubscribe(USER)
            await heard.until(lambda: "restored" in heard.events)
            await line.subscribe(USER)
            assert heard.events == ["cut", "restored"]
            line.unsubscribe(USER)


async def test_redis_restart_is_a_cut_and_a_restoration() -> None:
    """While Redis is away nobody can subscribe; afterwards everyone still is."""
    heard = Heard()
    async with RedisServer() as server:
        line = Subscriber.connect(server.url, heard)
        async with running(line), Store.connect(server.url, timeout=PATIENCE) as store:
            await heard.until(lambda: "restored" in heard.events)
            await line.subscribe(USER)
            heard.events.clear()
            await server.kill()
            await heard.until(lambda: "cut" in heard.events)
            with pytest.raises(StoreUnavailable):
                await line.subscribe(5)
            await server.start()
            await heard.until(lambda: "restored" in heard.events)
            [version] = await store.save([Save(USER, state(1), joined=(GUILD,))])
            await heard.until(lambda: version in heard.versions())


async def test_line_that_dies_without_a_word_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """A paused server keeps the connection open and says nothing."""
    monkeypatch.setattr(subscriber, "PING_AFTER", 0.2)
    heard = Heard()
    async with RedisServer() as server:
        line = Subscriber.connect(server.url, heard)
        async with running(line):
            await heard.until(lambda: "restored" in heard.events)
            await server.pause()
            await heard.until(lambda: "cut" in heard.events)
            heard.events.clear()
            await server.resume()
            await heard.until(lambda: "restored" in heard.events)
