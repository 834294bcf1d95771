"""Lanyard's socket, over real sockets and a real Redis: docs/lanyard.md is the contract."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import connect

from services.ws.hub import Hub
from services.ws.limits import WsLimits
from shared.model import lanyard
from shared.redis import keys
from shared.redis.scripts import Script
from shared.redis.subscriber import Subscriber
from testing.eventually import eventually
from tests.ws.lanyard.lanyard_fixture import (
    HELLO,
    discord,
    init_state,
    initialize,
    initialize_one,
    is_farewell,
    lanyard_client,
    next_frame,
    number_in,
    say,
    show,
    update,
)
from tests.ws.ws_fixture import ANNA, BERT, CARL, STRANGER, Backend, nothing_comes, receive


async def test_the_frames_byte_for_byte(backend: Backend) -> None:
    """Hello, INIT_STATE and PRESENCE_UPDATE have exactly these keys, and the whole presence."""
    await show(backend, ANNA, 1)
    first, second = (
        lanyard.presence(msgspec.json.encode(discord(ANNA, number))) or b"" for number in (1, 2)
    )
    async with backend.serving() as ws, connect(f"ws://127.0.0.1:{ws.port}/socket") as client:
        assert await client.recv(decode=False) == b'{"op":1,"d":{"heartbeat_interval":30000}}'
        await say(client, initialize_one(ANNA))
        assert await client.recv(decode=False) == b'{"op":0,"t":"INIT_STATE","d":%b}' % first
        await show(backend, ANNA, 2)
        assert await client.recv(decode=False) == b'{"op":0,"t":"PRESENCE_UPDATE","d":%b}' % second


async def test_several_users_come_as_a_map(backend: Backend) -> None:
    """Who is not monitored is left out; updates are single presences."""
    await show(backend, ANNA, 1)
    await show(backend, BERT, 2)
    said = initialize(ANNA, STRANGER, BERT, "nobody")
    async with backend.serving() as ws, lanyard_client(ws, said) as client:
        state = await init_state(client)
        assert list(state) == [str(ANNA), str(BERT)]
        assert [number_in(one) for one in state.values()] == [1, 2]
        await show(backend, BERT, 3)
        shown = await update(client)
        assert (shown["discord_user"]["id"], number_in(shown)) == (str(BERT), 3)


@pytest.mark.parametrize("said", [initialize(STRANGER), initialize_one(STRANGER), initialize()])
async def test_nobody_is_an_empty_object(backend: Backend, said: Any) -> None:
    """Neither an error nor a close."""
    async with backend.serving() as ws, lanyard_client(ws, said) as client:
        assert await init_state(client) == {}
        await nothing_comes(client)


async def test_initialize_before_hello_is_read(backend: Backend) -> None:
    """Most clients send it as soon as the socket is open; bytes may come with the handshake."""
    await show(backend, ANNA, 1)
    async with backend.serving() as ws, connect(f"ws://127.0.0.1:{ws.port}/socket") as client:
        await say(client, initialize_one(ANNA))
        assert await next_frame(client) == HELLO
        assert number_in(await init_state(client)) == 1


async def test_initialize_adds(backend: Backend) -> None:
    """Each is answered with what it named, and no user is told of twice."""
    for number, user_id in enumerate((ANNA, BERT, CARL), 1):
        await show(backend, user_id, number)
    async with backend.serving() as ws, lanyard_client(ws, initialize_one(ANNA)) as client:
        assert number_in(await init_state(client)) == 1
        await say(client, initialize(BERT, ANNA))
        assert list(await init_state(client)) == [str(BERT), str(ANNA)]
        await say(client, initialize_one(CARL))
        assert number_in(await init_state(client)) == 3
        for number, user_id in enumerate((ANNA, BERT, CARL), 11):
            await show(backend, user_id, number)
        assert sorted([number_in(await update(client)) for _ in range(3)]) == [11, 12, 13]
        await nothing_comes(client)


async def test_a_change_that_only_discord_shows_comes(backend: Backend) -> None:
    """An activity's flags are not part of Grux's own dialect, whose clients get nothing."""
    await show(backend, ANNA, 1)
    async with (
        backend.serving() as ws,
        lanyard_client(ws, initialize_one(ANNA)) as client,
        ws.client(ANNA) as other,
    ):
        await init_state(client)
        await receive(other)
        await show(backend, ANNA, 2, seen=1)
        assert number_in(await update(client)) == 2
        await nothing_comes(other)
        await show(backend, ANNA, 3)
        assert number_in(await update(client)) == 3
        assert (await receive(other))["op"] == "presence_update"


async def test_who_becomes_monitored_later_is_picked_up(backend: Backend) -> None:
    """A page that shows nobody need not be loaded again when the user joins."""
    async with backend.serving() as ws, lanyard_client(ws, initialize_one(ANNA)) as client:
        assert await init_state(client) == {}
        await show(backend, ANNA, 1)
        assert number_in(await update(client)) == 1
        await show(backend, ANNA, 2)
        assert number_in(await update(client)) == 2


async def test_who_joins_is_looked_up_where_redis_reports_no_joins(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every 5 seconds: some Redis servers and permissions do not allow CLIENT TRACKING."""
    monkeypatch.setattr(Subscriber, "reports_joins", False)
    monkeypatch.setattr(Hub, "joined", lambda *_: None)
    limits = WsLimits(look_up_every=0.1)
    async with backend.serving(limits) as ws, lanyard_client(ws, initialize_one(ANNA)) as client:
        assert await init_state(client) == {}
        await show(backend, ANNA, 1)
        assert number_in(await update(client)) == 1


async def test_the_user_leaves_and_comes_back(backend: Backend) -> None:
    """Who was shown them sees them go offline; a new Initialize gets nothing of them."""
    await show(backend, ANNA, 1)
    async with backend.serving() as ws, lanyard_client(ws, initialize_one(ANNA)) as client:
        await init_state(client)
        await backend.remove(ANNA)
        assert is_farewell(await update(client))
        await say(client, initialize_one(ANNA))
        assert await init_state(client) == {}
        async with lanyard_client(ws, initialize(ANNA)) as later:
            assert await init_state(later) == {}
            await show(backend, ANNA, 3)
            assert number_in(await update(later)) == 3
        assert number_in(await update(client)) == 3
        await show(backend, ANNA, 2)
        assert number_in(await update(client)) == 2


async def test_nothing_is_left_after_the_last_client(backend: Backend) -> None:
    """Users are not kept in this dialect's form, and the counts are those of before."""
    await show(backend, ANNA, 1)
    async with backend.serving() as ws:
        async with lanyard_client(ws, initialize(ANNA, STRANGER)) as client:
            await init_state(client)
            assert (ws.counters.lanyard_clients, ws.counters.lanyard_watchers) == (1, 2)
        await eventually(lambda: ws.counters.lanyard_clients == 0)
        assert ws.counters.lanyard_watchers == 0
        assert list(ws.hub._lanyard) == []
        assert list(ws.hub._topics) == [ANNA]  # it lingers, as with Grux's own dialect


async def test_the_key_value_store_is_shown(backend: Backend) -> None:
    """It is in INIT_STATE, and a write is an update."""
    await show(backend, ANNA, 1)
    copies = {"city": "Kyoto"}, {"city": "Nara"}
    await _copy_kv(backend, 1, copies[0])
    async with backend.serving() as ws, lanyard_client(ws, initialize_one(ANNA)) as client:
        assert (await init_state(client))["kv"] == copies[0]
        await _copy_kv(backend, 2, copies[1])
        assert (await update(client))["kv"] == copies[1]


async def _copy_kv(backend: Backend, revision: int, kv: dict[str, str]) -> None:
    names = [keys.presence(ANNA), keys.kv_revision(ANNA)]
    await backend.store.run_script(
        Script("kv_copy.lua", of_cluster=False), names, revision, msgspec.json.encode(kv)
    )


async def test_no_profile_source_is_asked(backend: Backend) -> None:
    """This dialect shows no profile extras, until a client of the other one needs them."""
    await show(backend, ANNA, 1)
    async with backend.serving() as ws, lanyard_client(ws, initialize_one(ANNA)) as client:
        await init_state(client)
        assert backend.source.asked == []
        async with ws.client(ANNA) as other:
            await receive(other)
        assert backend.source.asked == [ANNA]


async def test_a_user_who_is_followed_already_is_shown_without_a_profile_source(
    backend: Backend,
) -> None:
    """A client of the other dialect finds the user loaded, and waits for no extras."""
    await show(backend, ANNA, 1)
    backend.source.can_answer = False
    async with backend.serving() as ws, lanyard_client(ws, initialize_one(ANNA)) as client:
        await init_state(client)
        async with ws.client(ANNA) as other:
            assert (await receive(other))["op"] == "initial_data"


async def test_with_a_user_id_it_is_the_other_dialect(backend: Backend) -> None:
    """`/socket?user_id=` stays Grux's own."""
    await show(backend, ANNA, 1)
    async with backend.serving() as ws, connect(ws.url(ANNA, path="/socket")) as client:
        assert (await receive(client))["op"] == "initial_data"


async def test_the_connection_to_redis_is_lost(own_backend: Backend) -> None:
    """Clients stay connected, and what changed meanwhile comes."""
    await show(own_backend, ANNA, 1)
    async with own_backend.serving() as ws, lanyard_client(ws, initialize_one(ANNA)) as client:
        await init_state(client)
        await own_backend.store.redis.client_kill_filter(_type="pubsub")
        await eventually(lambda: not ws.hub.connected)
        await say(client, initialize_one(BERT))
        await show(own_backend, ANNA, 2)
        frames = [await next_frame(client) for _ in range(2)]
        assert {frame["t"] for frame in frames} == {"INIT_STATE", "PRESENCE_UPDATE"}
        await show(own_backend, BERT, 3)  # joined meanwhile, or not: it is picked up
        assert number_in(await update(client)) == 3


async def test_a_known_user_is_named_again_while_redis_is_away(own_backend: Backend) -> None:
    """The answer waits until the user is loaded again, and then comes."""
    await show(own_backend, ANNA, 1)
    async with own_backend.serving() as ws, lanyard_client(ws, initialize_one(ANNA)) as client:
        await init_state(client)
        await own_backend.store.redis.client_kill_filter(_type="pubsub")
        await eventually(lambda: not ws.hub.connected)
        await say(client, initialize_one(ANNA))
        await say(client, initialize(BERT, ANNA))
        assert number_in(await init_state(client)) == 1
        assert list(await init_state(client)) == [str(ANNA)]
        assert [user.waiters for user in ws.hub._lanyard] == [{}, {}]
