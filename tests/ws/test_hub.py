"""Subscriptions over real sockets and a real Redis: which state is sent, in which order."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from msgspec import Raw

from services.ws.limits import WsLimits
from shared.model.message import PresenceMessage
from shared.model.profile_extras import ProfileExtras
from shared.model.snapshot import Badge
from shared.redis.store import Save
from testing.eventually import PATIENCE, eventually
from tests.ws.test_session import subscribed
from tests.ws.ws_fixture import (
    ANNA,
    BERT,
    STRANGER,
    Backend,
    fields,
    nothing_comes,
    number_of,
    presence,
    profile,
    receive,
    until_closed,
)


async def test_the_user_leaves(backend: Backend) -> None:
    """When a user leaves the last server, their clients are closed with 4404 at once."""
    await backend.show(ANNA, 1)
    async with backend.serving() as ws, ws.client(ANNA) as client:
        await receive(client)
        await backend.remove(ANNA)
        frames, code = await until_closed(client)
        assert code == 4404
        assert frames[0]["d"]["code"] == "user_not_monitored"
        async with ws.client(ANNA) as late:
            assert (await until_closed(late))[1] == 4404


async def test_one_of_several_leaves(backend: Backend) -> None:
    """With several users the others stay; when the last one leaves, 4404 closes."""
    await backend.show(ANNA, 1)
    await backend.show(BERT, 1)
    async with backend.serving() as ws, ws.client(ANNA, BERT) as client:
        await receive(client)
        await receive(client)
        await backend.remove(ANNA)
        frame = await receive(client)
        assert (frame["op"], frame["user_id"]) == ("error", str(ANNA))
        await backend.show(BERT, 2)
        assert number_of(await receive(client)) == 2
        await backend.remove(BERT)
        assert (await until_closed(client))[1] == 4404


async def test_a_user_comes_back(backend: Backend) -> None:
    """A user who has left and come back can be subscribed to again."""
    await backend.show(ANNA, 1)
    async with backend.serving() as ws:
        async with ws.client(ANNA) as client:
            await receive(client)
            await backend.remove(ANNA)
            await until_closed(client)
        await backend.show(ANNA, 2)
        async with ws.client(ANNA) as client:
            assert number_of(await receive(client)) == 2
            await backend.show(ANNA, 3)
            assert number_of(await receive(client)) == 3


async def test_a_state_from_a_connection_that_is_not_up_yet_is_loaded_again(
    backend: Backend,
) -> None:
    """That connection may be lost once more before it is up, and messages would be missed."""
    await backend.show(ANNA, 1)
    async with backend.serving() as ws, ws.client(ANNA) as client:
        await receive(client)
        await backend.store.redis.client_kill_filter(_type="pubsub")
        await eventually(lambda: not ws.hub.connected)
        await backend.show(ANNA, 3)
        new_profile, new_presence = (
            Raw(msgspec.json.encode(one)) for one in (profile(ANNA), presence(2))
        )
        ws.hub.updated(ANNA, PresenceMessage(1, new_profile, new_presence))
        assert [number_of(await receive(client)) for _ in range(2)] == [2, 3]


async def test_an_equal_state_is_not_sent(backend: Backend) -> None:
    """What a client already has is not sent again."""
    await backend.show(ANNA, 1)
    async with backend.serving() as ws, ws.client(ANNA) as client:
        await receive(client)
        await backend.show(ANNA, 1)
        await backend.show(ANNA, 2)
        assert number_of(await receive(client)) == 2
        await nothing_comes(client)


async def test_no_gap_and_no_double(backend: Backend) -> None:
    """Clients that connect during many writes see strictly newer states, up to the last."""
    last = 400
    await backend.show(ANNA, 0)

    async def write() -> None:
        for number in range(1, last + 1):
            await backend.show(ANNA, number, f"anna{number // 50}")

    async def read(ws: Any, delay: float) -> list[dict[str, Any]]:
        await asyncio.sleep(delay)  # clients connect at different moments
        frames: list[dict[str, Any]] = []
        async with ws.client(ANNA) as client:
            name, number = "", -1
            while (number, name) != (last, f"anna{last // 50}"):
                frame = await receive(client)
                frames.append(frame)
                if frame["op"] != "profile_update":
                    number = number_of(frame)
                if frame["op"] != "presence_update":
                    name = frame["d"]["profile"]["username"]
            await nothing_comes(client)
        return frames

    async with backend.serving(WsLimits(linger=0.01)) as ws, asyncio.TaskGroup() as tasks:
        readers = [tasks.create_task(read(ws, 0.003 * n)) for n in range(40)]
        tasks.create_task(write())
    for reader in readers:
        frames = reader.result()
        assert [frame["op"] for frame in frames].count("initial_data") == 1
        assert frames[0]["op"] == "initial_data"
        shown = [number_of(frame) for frame in frames if frame["op"] != "profile_update"]
        assert shown == list(range(shown[0], last + 1)), "one was lost, or came twice"
        names = [frame["d"]["profile"]["username"] for frame in frames if "profile" in frame["d"]]
        assert names == sorted(set(names), key=lambda name: int(name[4:]))


async def test_many_subscriptions_in_slices(backend: Backend) -> None:
    """More subscriptions than one slice all end with the newest state, in order."""
    await backend.show(ANNA, 0)
    async with backend.serving(WsLimits(fan_out_slice=3)) as ws:
        clients = [await ws.client(ANNA) for _ in range(20)]
        for number in range(1, 30):
            await backend.show(ANNA, number)
        for client in clients:
            shown = [number_of(await receive(client))]
            while shown[-1] != 29:
                shown.append(number_of(await receive(client)))
            assert shown == sorted(set(shown))
            await client.close()


async def test_extras_complete_the_profile(backend: Backend) -> None:
    """The first frame holds the profile extras of the source."""
    await backend.show(ANNA, 1)
    backend.source.known[ANNA] = ProfileExtras(bio="hello")
    async with backend.serving() as ws, ws.client(ANNA) as client:
        assert (await receive(client))["d"]["profile"]["bio"] == "hello"
        await backend.show(ANNA, 1, "hannah")
        changed = (await receive(client))["d"]["profile"]
        assert (changed["username"], changed["bio"]) == ("hannah", "hello")


async def test_extras_that_arrive_late(backend: Backend) -> None:
    """A source without an answer delays no frame; its later answer is a profile_update."""
    await backend.show(ANNA, 1)
    backend.source.known[ANNA] = None
    async with backend.serving(WsLimits(extras_again=0.01)) as ws, ws.client(ANNA) as client:
        first = await receive(client)
        assert first["d"]["profile"] == msgspec.to_builtins(profile(ANNA))
        backend.source.known[ANNA] = ProfileExtras(bio="late")
        frame = await receive(client)
        assert frame["op"] == "profile_update"
        assert frame["d"]["profile"]["bio"] == "late"


async def test_a_source_that_hangs(backend: Backend) -> None:
    """A source that never answers delays the first frame for a bounded time."""
    await backend.show(ANNA, 1)
    backend.source.may_answer.clear()
    async with backend.serving(WsLimits(extras_within=0.05)) as ws, ws.client(ANNA) as client:
        assert (await receive(client))["op"] == "initial_data"


async def test_without_a_source(backend: Backend) -> None:
    """The first frame comes, and nothing is requested at any time."""
    await backend.show(ANNA, 1)
    backend.source.can_answer = False
    async with backend.serving() as ws, ws.client(ANNA) as client, ws.client(ANNA) as other:
        for one in (client, other):
            assert (await receive(one))["d"]["profile"] == msgspec.to_builtins(profile(ANNA))
        await backend.show(ANNA, 1, "hannah")
        assert (await receive(client))["op"] == "profile_update"
        assert backend.source.asked == []


async def test_extras_are_refreshed(backend: Backend) -> None:
    """Extras are requested again, and a change reaches every subscription."""
    await backend.show(ANNA, 1)
    async with backend.serving(ttl=1) as ws, ws.client(ANNA) as one, ws.client(ANNA) as two:
        await receive(one)
        await receive(two)
        backend.source.known[ANNA] = ProfileExtras(bio="new")
        for client in (one, two):
            assert (await receive(client))["d"]["profile"]["bio"] == "new"


async def test_what_a_user_hides_leaves_open_connections(backend: Backend) -> None:
    """It is gone with the gateway's save, and comes back without waiting for the next refresh."""
    badge = Badge("automod", "Uses AutoMod", "f2", "https://cdn.discordapp.com/f2.png")
    backend.source.known[ANNA] = ProfileExtras(badges=[badge])
    await backend.show(ANNA, 1)
    hidden = msgspec.structs.replace(fields(ANNA, 1), hidden=b'["badges"]')
    async with backend.serving() as ws, ws.client(ANNA) as client:
        assert (await receive(client))["d"]["profile"]["badges"] == [msgspec.to_builtins(badge)]
        await backend.store.save([Save(ANNA, hidden)])
        frame = await receive(client)
        assert frame["op"] == "profile_update"
        assert frame["d"]["profile"] == msgspec.to_builtins(profile(ANNA))
        async with ws.client(ANNA) as late:
            assert (await receive(late))["d"]["profile"]["badges"] == []
        await backend.show(ANNA, 1)
        assert (await receive(client))["d"]["profile"]["badges"] == [msgspec.to_builtins(badge)]


async def test_a_topic_is_dropped_after_a_while(backend: Backend) -> None:
    """After the last subscription a topic lingers, then nothing of it is kept."""
    await backend.show(ANNA, 1)
    async with backend.serving(WsLimits(linger=0.05)) as ws:
        async with ws.client(ANNA) as client:
            await receive(client)
            assert ws.hub.users == 1
        await eventually(lambda: ws.hub.users == 0)
        async with asyncio.timeout(PATIENCE):
            while await backend.store.redis.pubsub_channels("presence:*"):
                await asyncio.sleep(0.002)


async def test_a_subscription_to_a_lingering_topic(backend: Backend) -> None:
    """A lingering topic is kept up to date: the next subscription gets the newest state."""
    await backend.show(ANNA, 1)
    async with backend.serving() as ws:
        async with ws.client(ANNA) as client:
            await receive(client)
        await backend.show(ANNA, 2)
        async with ws.client(ANNA) as client:
            assert number_of(await receive(client)) == 2
            await backend.show(ANNA, 3)
            assert number_of(await receive(client)) == 3


async def test_a_user_whom_nobody_waits_for_any_more_is_not_looked_up(backend: Backend) -> None:
    """Else a client could leave a look-up behind with each message."""
    async with backend.serving() as ws:
        peer, session = subscribed()
        session.keep_open = True
        for first in range(STRANGER, STRANGER + 5000, 50):
            user_ids = range(first, first + 50)
            ws.hub.subscribe(session, user_ids)
            ws.hub.unsubscribe(session, user_ids)
        assert (ws.hub.users, peer.frames) == (0, [])
