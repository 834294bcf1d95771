"""Clients of Lanyard's dialect that are subscribed to everyone."""

from __future__ import annotations

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect

from services.ws.limits import WsLimits
from shared.redis.store import Save
from testing.eventually import eventually
from tests.ws.lanyard.lanyard_fixture import (
    Json,
    discord,
    init_state,
    initialize,
    initialize_one,
    lanyard_client,
    number_in,
    say,
    show,
    unzipped,
    update,
)
from tests.ws.ws_fixture import ANNA, BERT, CARL, GUILD, Backend, fields, nothing_comes

EVERYONE = {"op": 2, "d": {"subscribe_to_all": True}}


def numbers(state: Json) -> dict[int, int]:
    return {int(user_id): number_in(shown) for user_id, shown in state.items()}


async def test_it_is_off_by_default(backend: Backend) -> None:
    """Such a client gets nobody; LANYARD_SUBSCRIBE_ALL changes that."""
    await show(backend, ANNA, 1)
    async with backend.serving() as ws, lanyard_client(ws, EVERYONE) as client:
        assert await init_state(client) == {}
        await show(backend, ANNA, 2)
        await nothing_comes(client)


async def test_everyone_comes(backend: Backend) -> None:
    """All users in one INIT_STATE, then whatever changes, newcomers included."""
    await show(backend, ANNA, 1)
    await show(backend, BERT, 2)
    async with backend.serving(subscribe_all=True) as ws, lanyard_client(ws, EVERYONE) as client:
        assert numbers(await init_state(client)) == {ANNA: 1, BERT: 2}
        await show(backend, BERT, 3)
        assert number_in(await update(client)) == 3
        await show(backend, CARL, 4)
        shown = await update(client)
        assert (shown["discord_user"]["id"], number_in(shown)) == (str(CARL), 4)
        await show(backend, CARL, 5)
        assert number_in(await update(client)) == 5


async def test_who_leaves_is_gone(backend: Backend) -> None:
    """Nobody is told; a client that comes later does not get them."""
    await show(backend, ANNA, 1)
    await show(backend, BERT, 1)
    async with backend.serving(subscribe_all=True) as ws, lanyard_client(ws, EVERYONE) as client:
        assert len(await init_state(client)) == 2
        await backend.remove(ANNA)
        everyone = ws.hub.everyone
        assert everyone is not None
        await eventually(lambda: everyone.find(ANNA) is None)
        await nothing_comes(client)
        await show(backend, ANNA, 2)
        assert number_in(await update(client)) == 2


async def test_other_subscriptions_of_the_same_client(backend: Backend) -> None:
    """No user is told of twice, whether named before or after."""
    await show(backend, ANNA, 1)
    await show(backend, BERT, 2)
    async with (
        backend.serving(subscribe_all=True) as ws,
        lanyard_client(ws, initialize(ANNA)) as client,
    ):
        assert numbers(await init_state(client)) == {ANNA: 1}
        await say(client, EVERYONE)
        assert numbers(await init_state(client)) == {ANNA: 1, BERT: 2}
        await say(client, initialize_one(BERT))
        assert number_in(await init_state(client)) == 2
        await show(backend, ANNA, 3)
        assert number_in(await update(client)) == 3
        await show(backend, BERT, 4)
        assert number_in(await update(client)) == 4
        await nothing_comes(client)


async def test_unsubscribing(backend: Backend) -> None:
    """From some users, and from all."""
    await show(backend, ANNA, 1)
    await show(backend, BERT, 1)
    async with backend.serving(subscribe_all=True) as ws, lanyard_client(ws, EVERYONE) as client:
        await init_state(client)
        await say(client, {"op": 4, "d": {"unsubscribe_from_id": str(ANNA)}})
        await _is_read(client)
        await show(backend, ANNA, 2)
        await show(backend, BERT, 3)
        assert number_in(await update(client)) == 3
        await say(client, initialize_one(ANNA))
        assert number_in(await init_state(client)) == 2
        await show(backend, ANNA, 4)
        assert number_in(await update(client)) == 4
        await say(client, {"op": 4, "d": {"unsubscribe_from_all": True}})
        await _is_read(client)
        await show(backend, ANNA, 5)
        await show(backend, CARL, 5)
        await nothing_comes(client)
        await eventually(lambda: list(ws.hub._lanyard) == [])


async def test_compressed_and_plain_clients(backend: Backend) -> None:
    """Each gets its own encoding."""
    await show(backend, ANNA, 1)
    async with (
        backend.serving(subscribe_all=True) as ws,
        lanyard_client(ws, EVERYONE) as plain,
        connect(f"ws://127.0.0.1:{ws.port}/socket?compression=zlib_json") as client,
    ):
        assert numbers(await init_state(plain)) == {ANNA: 1}
        assert unzipped(await client.recv())["op"] == 1
        await say(client, EVERYONE)
        assert numbers(unzipped(await client.recv())["d"]) == {ANNA: 1}
        await show(backend, ANNA, 2)
        assert number_in(await update(plain)) == 2
        assert number_in(unzipped(await client.recv())["d"]) == 2


@pytest.mark.parametrize("users", [1500])
async def test_many_users_and_a_client_that_does_not_read(backend: Backend, users: int) -> None:
    """It costs the newest state of each user, not one frame for each change."""
    ids = range(ANNA, ANNA + users)
    for rounds in range(3):
        await backend.store.save([_save(user_id, rounds) for user_id in ids])
    limits = WsLimits(kernel_buffer=4096)
    async with (
        backend.serving(limits, subscribe_all=True) as ws,
        lanyard_client(ws, EVERYONE) as client,
    ):
        assert len(await init_state(client)) == users
        client.transport.pause_reading()
        for rounds in range(3, 8):
            await backend.store.save([_save(user_id, rounds) for user_id in ids])
        await eventually(lambda: ws.counters.backpressured == 1)
        await eventually(lambda: all(user.answered for user in ws.hub._lanyard))
        client.transport.resume_reading()
        newest: dict[str, int] = {}
        frames = 0
        while len(newest) < users or set(newest.values()) != {7}:
            shown = await update(client)
            newest[shown["discord_user"]["id"]] = number_in(shown)
            frames += 1
        assert frames < users * 4


def _save(user_id: int, number: int) -> Save:
    state = fields(user_id, number)
    objects = msgspec.json.encode(discord(user_id, number))
    return Save(user_id, msgspec.structs.replace(state, discord=objects), (GUILD,))


async def _is_read(client: ClientConnection) -> None:
    """What was said before has taken effect."""
    await say(client, initialize())
    assert await init_state(client) == {}
