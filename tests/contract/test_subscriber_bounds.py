"""What the feed holds, and how long it waits, does not grow without bound."""

from __future__ import annotations

import asyncio

import pytest
from redis.asyncio.client import PubSub

from shared.redis import subscriber
from shared.redis.store import Save, Store
from shared.redis.subscriber import Subscriber
from testing.eventually import eventually
from tests.contract.conftest import Connect
from tests.contract.recorder import GUILD, USER, Heard, running, state


async def test_who_is_left_is_forgotten(
    store: Store, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """redis-py would remember every user that was ever followed, strangers too."""
    lines: list[PubSub] = []
    redis, heard = connect(), Heard()
    made = redis.pubsub

    def remembered(**how: object) -> PubSub:
        lines.append(made(**how))
        return lines[-1]

    monkeypatch.setattr(redis, "pubsub", remembered)
    line = Subscriber(redis, heard)
    async with running(line):
        await heard.until(lambda: "restored" in heard.events)
        for user_id in range(1, 50):
            await line.subscribe(user_id)
            line.unsubscribe(user_id)
        await line.subscribe(USER)
        [version] = await store.save([Save(USER, state(1), joined=(GUILD,))])
        await heard.until(lambda: version in heard.versions())
        [pubsub] = lines
        assert list(pubsub.channels) == [subscriber.STANDING]
        assert pubsub.pending_unsubscribe_channels == set()


async def test_who_takes_the_connection_and_says_nothing_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not even whether the password is right: there may be a proxy, and no Redis behind it."""
    monkeypatch.setattr(subscriber, "PING_AFTER", 0.1)
    monkeypatch.setattr(subscriber, "RECONNECT_EVERY", 0.01)
    came = []
    server = await asyncio.start_server(lambda _, writer: came.append(writer), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    line = Subscriber.connect(f"redis://:secret@127.0.0.1:{port}/0", Heard())
    async with running(line):
        await eventually(lambda: len(came) >= 3)
    for writer in came:
        writer.close()
    server.close()
    await server.wait_closed()
