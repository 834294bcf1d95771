"""What a subscriber holds, and how long it waits, does not grow without bound."""

from __future__ import annotations

import asyncio

from shared.redis.held_connection import ConnectionTimings
from shared.redis.store import Save, Store
from shared.redis.subscriber import Subscriber
from testing.eventually import eventually
from tests.contract.conftest import Connect
from tests.contract.recorder import GUILD, USER, Recorder, running, state

QUICK = ConnectionTimings(
    connect_timeout_s=0.1, ping_interval_s=0.1, ping_timeout_s=0.1, reconnect_interval_s=0.01
)


async def test_unsubscribed_users_are_forgotten(store: Store, connect: Connect) -> None:
    """Any id that a client asks for is subscribed for a while."""
    recorder = Recorder()
    subscriber = Subscriber(connect().connection_pool, recorder)
    async with running(subscriber):
        await recorder.reconnected()
        for user_id in range(1, 50):
            await subscriber.subscribe(user_id)
            subscriber.unsubscribe(user_id)
        await subscriber.subscribe(USER)
        [version] = await store.save([Save(USER, state(1), joined=(GUILD,))])
        await recorder.until(lambda: version in recorder.versions())
        assert subscriber._wanted == subscriber._confirmed == {USER}
        assert not any((subscriber._changed, subscriber._leaving, subscriber._waiting))


async def test_a_server_that_never_answers_is_left() -> None:
    """Not even to the password: there may be a proxy, and no Redis behind it."""
    accepted = []
    server = await asyncio.start_server(lambda _, writer: accepted.append(writer), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    url = f"redis://:secret@127.0.0.1:{port}/0"
    async with running(Subscriber.connect(url, Recorder(), timings=QUICK)):
        await eventually(lambda: len(accepted) >= 3)
    for writer in accepted:
        writer.close()
    server.close()
    await server.wait_closed()
