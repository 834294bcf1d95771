"""Watchers and the watched, over real sockets and a real Redis: who sees what, in which order."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from msgspec import Raw

from services.ws.limits import WsLimits
from shared.model.message import PresenceMessage
from shared.model.profile_extras import ProfileExtras
from testing.eventually import PATIENCE
from tests.ws.ws_fixture import (
    ANNA,
    BERT,
    Room,
    nothing_comes,
    number_of,
    presence,
    profile,
    receive,
    until,
    until_closed,
)


async def test_the_user_leaves(room: Room) -> None:
    """Watchers of a user who leaves the last server are told at once, and closed with 4404."""
    await room.show(ANNA, 1)
    async with room.serving() as ws, ws.client(ANNA) as client:
        await receive(client)
        await room.remove(ANNA)
        frames, code = await until_closed(client)
        assert code == 4404
        assert frames[0]["d"]["code"] == "user_not_monitored"
        async with ws.client(ANNA) as late:
            assert (await until_closed(late))[1] == 4404


async def test_one_of_several_leaves(room: Room) -> None:
    """With several users the others go on; the last one's leaving closes with 4404."""
    await room.show(ANNA, 1)
    await room.show(BERT, 1)
    async with room.serving() as ws, ws.client(ANNA, BERT) as client:
        await receive(client)
        await receive(client)
        await room.remove(ANNA)
        frame = await receive(client)
        assert (frame["op"], frame["user_id"]) == ("error", str(ANNA))
        await room.show(BERT, 2)
        assert number_of(await receive(client)) == 2
        await room.remove(BERT)
        assert (await until_closed(client))[1] == 4404


async def test_a_user_comes_back(room: Room) -> None:
    """Who left and came back can be watched again."""
    await room.show(ANNA, 1)
    async with room.serving() as ws:
        async with ws.client(ANNA) as client:
            await receive(client)
            await room.remove(ANNA)
            await until_closed(client)
        await room.show(ANNA, 2)
        async with ws.client(ANNA) as client:
            assert number_of(await receive(client)) == 2
            await room.show(ANNA, 3)
            assert number_of(await receive(client)) == 3


async def test_a_whole_state_from_a_line_that_does_not_stand_yet_is_loaded_again(
    room: Room,
) -> None:
    """That line may be cut once more before it stands, and what comes between then is missed."""
    await room.show(ANNA, 1)
    async with room.serving() as ws, ws.client(ANNA) as client:
        await receive(client)
        await room.store.redis.client_kill_filter(_type="pubsub")
        await until(lambda: not ws.hub.standing)
        await room.show(ANNA, 3)
        who, does = (Raw(msgspec.json.encode(one)) for one in (profile(ANNA), presence(2)))
        ws.hub.updated(ANNA, PresenceMessage(1, who, does))
        assert [number_of(await receive(client)) for _ in range(2)] == [2, 3]


async def test_an_equal_state_is_not_sent(room: Room) -> None:
    """What a client already has is not sent again."""
    await room.show(ANNA, 1)
    async with room.serving() as ws, ws.client(ANNA) as client:
        await receive(client)
        await room.show(ANNA, 1)
        await room.show(ANNA, 2)
        assert number_of(await receive(client)) == 2
        await nothing_comes(client)


async def test_no_gap_and_no_double(room: Room) -> None:
    """While writers hammer, clients come: each sees strictly newer states up to the truth."""
    last = 400
    await room.show(ANNA, 0)

    async def write() -> None:
        for number in range(1, last + 1):
            await room.show(ANNA, number, f"anna{number // 50}")

    async def read(ws: Any, delay: float) -> list[dict[str, Any]]:
        await asyncio.sleep(delay)  # clients come at different moments of the storm
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

    async with room.serving(WsLimits(linger=0.01)) as ws, asyncio.TaskGroup() as tasks:
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


async def test_many_watchers_in_slices(room: Room) -> None:
    """More watchers than a slice holds all end with the newest state, in order."""
    await room.show(ANNA, 0)
    async with room.serving(WsLimits(fan_out_slice=3)) as ws:
        clients = [await ws.client(ANNA) for _ in range(20)]
        for number in range(1, 30):
            await room.show(ANNA, number)
        for client in clients:
            shown = [number_of(await receive(client))]
            while shown[-1] != 29:
                shown.append(number_of(await receive(client)))
            assert shown == sorted(set(shown))
            await client.close()


async def test_facts_complete_the_profile(room: Room) -> None:
    """What the profile source knows stands in the first frame."""
    await room.show(ANNA, 1)
    room.source.known[ANNA] = ProfileExtras(bio="hello")
    async with room.serving() as ws, ws.client(ANNA) as client:
        assert (await receive(client))["d"]["profile"]["bio"] == "hello"
        await room.show(ANNA, 1, "hannah")
        changed = (await receive(client))["d"]["profile"]
        assert (changed["username"], changed["bio"]) == ("hannah", "hello")


async def test_facts_that_come_late(room: Room) -> None:
    """A source that gives no answer delays nobody; its later answer comes as profile_update."""
    await room.show(ANNA, 1)
    room.source.known[ANNA] = None
    async with room.serving(WsLimits(facts_again=0.01)) as ws, ws.client(ANNA) as client:
        first = await receive(client)
        assert first["d"]["profile"] == msgspec.to_builtins(profile(ANNA))
        room.source.known[ANNA] = ProfileExtras(bio="late")
        frame = await receive(client)
        assert frame["op"] == "profile_update"
        assert frame["d"]["profile"]["bio"] == "late"


async def test_a_source_that_hangs(room: Room) -> None:
    """A source that never answers costs the first watcher a bounded wait."""
    await room.show(ANNA, 1)
    room.source.may_answer.clear()
    async with room.serving(WsLimits(facts_within=0.05)) as ws, ws.client(ANNA) as client:
        assert (await receive(client))["op"] == "initial_data"


async def test_facts_grow_old(room: Room) -> None:
    """ProfileExtras of a watched user are asked for again, and a change reaches every watcher."""
    await room.show(ANNA, 1)
    async with room.serving(ttl=1) as ws, ws.client(ANNA) as one, ws.client(ANNA) as two:
        await receive(one)
        await receive(two)
        room.source.known[ANNA] = ProfileExtras(bio="new")
        for client in (one, two):
            assert (await receive(client))["d"]["profile"]["bio"] == "new"


async def test_a_user_is_forgotten_after_a_while(room: Room) -> None:
    """After the last watcher a user lingers, then nothing of them is kept."""
    await room.show(ANNA, 1)
    async with room.serving(WsLimits(linger=0.05)) as ws:
        async with ws.client(ANNA) as client:
            await receive(client)
            assert ws.hub.users == 1
        await until(lambda: ws.hub.users == 0)
        async with asyncio.timeout(PATIENCE):
            while await room.store.redis.pubsub_channels("presence:*"):
                await asyncio.sleep(0.002)


async def test_a_watcher_comes_back_while_the_user_lingers(room: Room) -> None:
    """A lingering user is followed all the time: the next watcher gets the newest state."""
    await room.show(ANNA, 1)
    async with room.serving() as ws:
        async with ws.client(ANNA) as client:
            await receive(client)
        await room.show(ANNA, 2)
        async with ws.client(ANNA) as client:
            assert number_of(await receive(client)) == 2
            await room.show(ANNA, 3)
            assert number_of(await receive(client)) == 3
