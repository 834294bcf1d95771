"""Clients of Lanyard's dialect that are subscribed to everyone.

Long because what else a client subscribes to, before and after, must not tell it anything twice.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence

import msgspec
from websockets.asyncio.client import ClientConnection, connect

from services.ws.connection import Connection
from services.ws.lanyard.everyone import SLICE_FRAMES, SPARE_CHANGES
from services.ws.limits import WsLimits
from shared.redis import gateway_liveness, keys
from shared.redis.store import Save
from testing.eventually import eventually
from tests.ws.lanyard.lanyard_fixture import (
    Json,
    discord,
    init_state,
    initialize,
    initialize_one,
    is_farewell,
    lanyard_client,
    number_in,
    say,
    show,
    unzipped,
    update,
)
from tests.ws.ws_fixture import (
    ANNA,
    BERT,
    CARL,
    GUILD,
    Backend,
    RunningServer,
    fields,
    nothing_comes,
)

SAVED_USERS = 500  # at once
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
    """Clients that were shown them see them go offline; one that comes later does not get them."""
    await show(backend, ANNA, 1)
    await show(backend, BERT, 1)
    async with backend.serving(subscribe_all=True) as ws, lanyard_client(ws, EVERYONE) as client:
        assert len(await init_state(client)) == 2
        await backend.remove(ANNA)
        everyone = ws.hub.everyone
        assert everyone is not None
        assert is_farewell(await update(client))
        await eventually(lambda: everyone.find(ANNA) is None)
        async with lanyard_client(ws, EVERYONE) as later:
            assert set(await init_state(later)) == {str(BERT)}
        await nothing_comes(client)
        await show(backend, ANNA, 2)
        assert number_in(await update(client)) == 2


async def test_users_are_back_when_a_gateway_is(backend: Backend) -> None:
    """It was away for longer than PRESENCE_MAX_SILENCE. Nothing reports that they have joined."""
    await show(backend, ANNA, 1)
    await gateway_liveness.heartbeat(backend.store, 1, [0])
    async with (
        backend.serving(subscribe_all=True) as ws,
        lanyard_client(ws, initialize_one(ANNA)) as other,
        lanyard_client(ws, EVERYONE) as client,
    ):
        assert number_in(await init_state(other)) == 1
        assert numbers(await init_state(client)) == {ANNA: 1}
        await backend.store.redis.zincrby(keys.HEARTBEATS, -2 * 86_400_000, "0/1")
        assert is_farewell(await update(other))
        assert is_farewell(await update(client))
        async with lanyard_client(ws, initialize_one(BERT)) as later:  # looked up meanwhile
            assert await init_state(later) == {}
        await gateway_liveness.heartbeat(backend.store, 1, [0])
        assert number_in(await update(other)) == 1
        assert number_in(await update(client)) == 1


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


async def test_a_newcomer_who_was_named_comes_once(backend: Backend) -> None:
    """As one of everyone, and not again for the subscription that waited for them."""
    async with backend.serving(subscribe_all=True) as ws, lanyard_client(ws, EVERYONE) as client:
        assert await init_state(client) == {}
        await say(client, initialize_one(CARL))
        assert await init_state(client) == {}
        for number in (1, 2):
            await show(backend, CARL, number)
            assert number_in(await update(client)) == number
            await nothing_comes(client)


async def test_a_newcomer_for_whom_another_client_waits(backend: Backend) -> None:
    """That the user was looked up before, and is not monitored, is not the last word."""
    async with (
        backend.serving(subscribe_all=True) as ws,
        lanyard_client(ws, initialize_one(CARL)) as other,
        lanyard_client(ws, EVERYONE) as client,
    ):
        assert await init_state(other) == await init_state(client) == {}
        await show(backend, CARL, 1)
        assert number_in(await update(other)) == number_in(await update(client)) == 1


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


class LoopSlices:
    """The most frames that the server writes between two iterations of the event loop."""

    def __init__(self, ws: RunningServer) -> None:
        self.most = 0
        self._counters = ws.counters
        self._loop = asyncio.get_running_loop()
        self._frames = ws.counters.frames
        self._handle = self._loop.call_soon(self._look)

    def _look(self) -> None:
        frames = self._counters.frames
        self.most, self._frames = max(self.most, frames - self._frames), frames
        self._handle = self._loop.call_soon(self._look)

    def stop(self) -> None:
        self._handle.cancel()


async def test_thousands_of_users_and_a_client_that_does_not_read(backend: Backend) -> None:
    """It costs the newest state of each user, not a frame for each change. The others get all,
    in slices of the event loop."""
    ids = range(ANNA, ANNA + 2_000)
    await _save_all(backend, ids, 0)
    # The test may take a minute, in which the slow client sends no pong and reads nothing.
    limits = WsLimits(kernel_buffer=4096, ping_every=600.0, slow_within=600.0)
    async with (
        backend.serving(limits, subscribe_all=True) as ws,
        lanyard_client(ws, EVERYONE) as slow,
        lanyard_client(ws, EVERYONE) as client,
    ):
        everyone = ws.hub.everyone
        assert everyone is not None
        assert len(await init_state(slow)) == len(await init_state(client)) == len(ids)
        slow.transport.pause_reading()
        received = slow.transport.get_extra_info("socket")
        received.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)  # else megabytes
        slices = LoopSlices(ws)
        for number in range(1, 5):
            await _save_all(backend, ids, number)
            assert await _until_all_show(client, ids, number) <= 2 * len(ids)
        slices.stop()
        assert 0 < slices.most <= 2 * SLICE_FRAMES
        connections = [one for one in ws.context.keepalive if isinstance(one, Connection)]
        (held,) = [one for one in connections if one.paused]
        assert held._transport.get_write_buffer_size() < 4 * limits.kernel_buffer
        assert len(everyone._changes) <= 2 * len(ids) + SPARE_CHANGES
        slow.transport.resume_reading()
        assert await _until_all_show(slow, ids, 4) < 1.5 * len(ids)
        await eventually(lambda: not any(user._frames for user in ws.hub._lanyard))


async def _until_all_show(client: ClientConnection, ids: Sequence[int], number: int) -> int:
    """Read until the newest state of every user is this one. How many frames that took."""
    missing, frames = set(map(str, ids)), 0
    while missing:
        shown = await update(client)
        frames += 1
        if number_in(shown) == number:
            missing.remove(shown["discord_user"]["id"])  # raises if it comes twice
    return frames


async def _save_all(backend: Backend, ids: Sequence[int], number: int) -> None:
    for start in range(0, len(ids), SAVED_USERS):
        some = ids[start : start + SAVED_USERS]
        await backend.store.save([_save(user_id, number) for user_id in some])


def _save(user_id: int, number: int) -> Save:
    state = fields(user_id, number)
    objects = msgspec.json.encode(discord(user_id, number))
    return Save(user_id, msgspec.structs.replace(state, discord=objects), (GUILD,))


async def _is_read(client: ClientConnection) -> None:
    """What was said before has taken effect."""
    await say(client, initialize())
    assert await init_state(client) == {}


async def test_an_answer_that_waits_comes_beside_that_of_everyone(backend: Backend) -> None:
    """It was asked for before."""
    await show(backend, ANNA, 1)
    users = initialize(*range(ANNA, ANNA + 300))
    async with (
        backend.serving(subscribe_all=True) as ws,
        lanyard_client(ws, users, EVERYONE) as client,
    ):
        assert [numbers(await init_state(client)) for _ in range(2)] == [{ANNA: 1}] * 2
        await show(backend, ANNA, 2)
        assert number_in(await update(client)) == 2
        await nothing_comes(client)


async def test_everyone_replaces_what_was_named_before(backend: Backend) -> None:
    """Else a user who leaves would be told of twice."""
    await show(backend, ANNA, 1)
    async with (
        backend.serving(subscribe_all=True) as ws,
        lanyard_client(ws, initialize(ANNA)) as client,
    ):
        await init_state(client)
        assert ws.counters.lanyard_watchers == 1
        await say(client, EVERYONE)
        assert numbers(await init_state(client)) == {ANNA: 1}
        assert ws.counters.lanyard_watchers == 0


async def test_a_user_of_everyone_who_is_not_known_yet(backend: Backend) -> None:
    """Their INIT_STATE waits, instead of telling that they are not monitored."""
    await show(backend, ANNA, 1)
    async with backend.serving(subscribe_all=True) as ws, lanyard_client(ws, EVERYONE) as client:
        await init_state(client)
        everyone = ws.hub.everyone
        assert everyone is not None
        user = everyone.find(ANNA)
        assert user is not None
        user.answered, user.presence = False, b""
        await say(client, initialize_one(ANNA))
        assert number_in(await init_state(client)) == 1
