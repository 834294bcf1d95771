"""Redis disconnects, hangs or loses data: clients stay, and end with the current state."""

from __future__ import annotations

import asyncio

from services.ws.limits import WsLimits
from shared.redis import shard_record
from testing.eventually import eventually
from testing.redis_server import RedisServer
from tests.generation import generation, mark_complete
from tests.ws.ws_fixture import (
    ANNA,
    BERT,
    CARL,
    Backend,
    nothing_comes,
    number_of,
    receive,
    until_closed,
)


async def test_a_disconnect(backend: Backend) -> None:
    """Updates during a disconnect reach the clients after it."""
    await backend.show(ANNA, 1)
    await backend.show(BERT, 1)
    async with backend.serving() as ws, ws.client(ANNA, BERT) as client:
        await receive(client)
        await receive(client)
        await backend.store.redis.client_kill_filter(_type="pubsub")
        await eventually(lambda: not ws.hub.connected)
        await backend.show(ANNA, 2, "hannah")
        frames = [await receive(client), await receive(client)]
        assert [frame["op"] for frame in frames] == ["profile_update", "presence_update"]
        assert number_of(frames[1]) == 2
        await nothing_comes(client)  # Bert has not changed
        await backend.show(BERT, 2)
        assert number_of(await receive(client)) == 2


async def test_disconnects_again_and_again(backend: Backend) -> None:
    """With writes and disconnects together, a client still sees newer states only, to the last."""
    await backend.show(ANNA, 0)
    async with backend.serving() as ws:
        clients = [await ws.client(ANNA) for _ in range(5)]
        for number in range(1, 201):
            await backend.show(ANNA, number)
            if number % 40 == 0:
                await backend.store.redis.client_kill_filter(_type="pubsub")
            await asyncio.sleep(0.002)
        for client in clients:
            shown = [number_of(await receive(client))]
            while shown[-1] != 200:
                shown.append(number_of(await receive(client)))
            assert shown == sorted(set(shown))
            await client.close()


async def test_newcomers_during_a_short_disconnect(backend: Backend) -> None:
    """A new client waits through a short disconnect, whether the user is loaded or not."""
    await backend.show(ANNA, 1)
    await backend.show(BERT, 1)
    async with backend.serving() as ws, ws.client(ANNA) as known:
        await receive(known)
        await backend.store.redis.client_kill_filter(_type="pubsub")
        await eventually(lambda: not ws.hub.connected)
        async with ws.client(ANNA) as one, ws.client(BERT) as two:
            assert (await receive(one))["op"] == "initial_data"
            assert (await receive(two))["op"] == "initial_data"


async def test_the_user_leaves_during_a_disconnect(backend: Backend) -> None:
    """A user who is absent after a disconnect is shown for a while, then removed."""
    await backend.show(ANNA, 1)
    async with backend.serving(WsLimits(grace=0.1)) as ws, ws.client(ANNA) as client:
        await receive(client)
        await backend.store.redis.client_kill_filter(_type="pubsub")
        await eventually(lambda: not ws.hub.connected)
        await backend.remove(ANNA)
        frames, code = await until_closed(client)
        assert (code, frames[0]["d"]["code"]) == (4404, "user_not_monitored")


async def test_the_user_leaves_during_a_disconnect_from_a_complete_redis(
    backend: Backend,
) -> None:
    """A complete Redis without the user is not waited for."""
    await backend.show(ANNA, 1)
    await mark_complete(backend.store)
    async with backend.serving() as ws, ws.client(ANNA) as client:
        await receive(client)
        await backend.store.redis.client_kill_filter(_type="pubsub")
        await eventually(lambda: not ws.hub.connected)
        await backend.remove(ANNA)
        frames, code = await until_closed(client)
        assert (code, frames[0]["d"]["code"]) == (4404, "user_not_monitored")


async def test_a_user_who_is_missing_after_the_rewrite_is_removed(
    own_redis: RedisServer, own_backend: Backend
) -> None:
    """Such users have left; the others stay."""
    for user_id in (ANNA, BERT):
        await own_backend.show(user_id, 1)
    async with own_backend.serving() as ws, ws.client(ANNA) as one, ws.client(BERT) as two:
        for client in (one, two):
            await receive(client)
        await own_redis.restart(empty=True)
        await ws.connected()
        epoch = await generation(own_backend.store)
        await own_backend.show(BERT, 1)
        await nothing_comes(one)
        assert await shard_record.mark_complete(own_backend.store, (0, 1), epoch)
        assert (await until_closed(one))[1] == 4404
        await nothing_comes(two)


async def test_redis_restarts_with_its_data(own_redis: RedisServer, own_backend: Backend) -> None:
    """After a restart with data no known state is sent again, and updates go on."""
    await own_backend.show(ANNA, 1)
    async with own_backend.serving() as ws, ws.client(ANNA) as client:
        await receive(client)
        await own_redis.restart(empty=False)
        await ws.connected()
        await nothing_comes(client)
        await own_backend.show(ANNA, 2)
        assert number_of(await receive(client)) == 2


async def test_redis_restarts_with_old_data(own_redis: RedisServer, own_backend: Backend) -> None:
    """The older state of a Redis that comes back is shown: every other reader sees it, too."""
    await own_backend.show(ANNA, 1)
    await own_backend.store.redis.save()
    async with own_backend.serving() as ws, ws.client(ANNA) as client:
        await receive(client)
        await own_backend.show(ANNA, 2)
        assert number_of(await receive(client)) == 2
        await own_redis.kill()
        await own_redis.start()
        assert number_of(await receive(client)) == 1
        await own_backend.show(ANNA, 3)
        assert number_of(await receive(client)) == 3


async def test_redis_restarts_empty(own_redis: RedisServer, own_backend: Backend) -> None:
    """Clients stay when Redis has lost everything, and get the gateway's rewrite."""
    for user_id in (ANNA, BERT):
        await own_backend.show(user_id, 1)
    async with (
        own_backend.serving() as ws,
        ws.client(ANNA) as one,
        ws.client(ANNA, BERT) as two,
    ):
        for client, frames in ((one, 1), (two, 2)):
            for _ in range(frames):
                await receive(client)
        await own_redis.restart(empty=True)
        await ws.connected()
        await nothing_comes(one)
        await own_backend.show(BERT, 1)  # unchanged
        await own_backend.show(ANNA, 2)
        for client in (one, two):
            assert number_of(await receive(client)) == 2
            await nothing_comes(client)


async def test_a_user_who_is_not_rewritten_in_time_is_removed(
    own_redis: RedisServer, own_backend: Backend
) -> None:
    """A user who is not rewritten in time is removed; new clients may retry."""
    await own_backend.show(ANNA, 1)
    async with own_backend.serving(WsLimits(grace=0.5)) as ws, ws.client(ANNA) as client:
        await receive(client)
        await own_redis.restart(empty=True)
        await ws.connected()
        async with ws.client(ANNA) as late:
            frames, code = await until_closed(late)
            assert (code, frames[0]["d"]["code"]) == (1013, "unavailable")
        assert (await until_closed(client))[1] == 4404


async def test_newcomers_while_redis_is_away(own_redis: RedisServer, own_backend: Backend) -> None:
    """New clients get unavailable until it is back; connected ones stay."""
    await own_backend.show(ANNA, 1)
    async with own_backend.serving() as ws, ws.client(ANNA) as known:
        await receive(known)
        await own_redis.kill()
        await eventually(lambda: not ws.hub.connected)
        async with ws.client(ANNA) as one, ws.client(BERT, CARL) as two:
            for client in (one, two):
                frames, code = await until_closed(client)
                assert (code, frames[0]["d"]["code"]) == (1013, "unavailable")
        await own_redis.start()
        await own_backend.show(ANNA, 2)
        assert number_of(await receive(known)) == 2


async def test_newcomers_while_redis_hangs(own_redis: RedisServer, own_backend: Backend) -> None:
    """A Redis that accepts connections and never answers delays no client either."""
    await own_backend.show(ANNA, 1)
    async with own_backend.serving() as ws:
        await own_redis.pause()
        async with ws.client(ANNA) as client:
            assert (await until_closed(client))[1] == 1013
        await own_redis.resume()
        await ws.connected()
        async with ws.client(ANNA) as client:
            assert number_of(await receive(client)) == 1


async def test_redis_is_away_at_the_start(own_redis: RedisServer, own_backend: Backend) -> None:
    """The server starts without Redis, and recovers when Redis starts."""
    await own_redis.kill()
    async with own_backend.serving(connected=False) as ws:
        async with ws.client(ANNA) as client:
            assert (await until_closed(client))[1] == 1013
        reader, writer = await asyncio.open_connection("127.0.0.1", ws.port)
        writer.write(b"GET /ready HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 503 ")
        writer.close()
        await own_redis.start()
        await ws.connected()
        await own_backend.show(ANNA, 1)
        async with ws.client(ANNA) as client:
            assert number_of(await receive(client)) == 1
