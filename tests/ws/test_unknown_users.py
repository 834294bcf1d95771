"""Users whom Redis does not hold: cheap to ask for, and never missed when they join."""

from __future__ import annotations

import asyncio

from services.ws.limits import WsLimits
from services.ws.unknown_users import UnknownUsers
from shared.redis import keys
from testing.eventually import eventually
from testing.redis_server import RedisServer
from tests.ws.ws_fixture import (
    ANNA,
    BERT,
    STRANGER,
    Backend,
    RunningServer,
    number_of,
    receive,
    until_closed,
)

FOR_LONG = WsLimits(unknown_for=3600.0)  # a join has to end it


async def refused(ws: RunningServer, user_id: int) -> None:
    async with ws.client(user_id) as client:
        frames, code = await until_closed(client)
        assert (code, [frame["d"]["code"] for frame in frames]) == (4404, ["user_not_monitored"])


async def lookups(backend: Backend) -> int:
    found = await backend.store.redis.info("commandstats")
    return int(found.get("cmdstat_exists", {"calls": 0})["calls"])


async def test_unknown_users_cost_no_subscription_and_no_profile_request(
    own_backend: Backend,
) -> None:
    """Only the known ones of a connection are subscribed to."""
    await own_backend.show(ANNA, 1)
    async with own_backend.serving() as ws:
        strangers = range(STRANGER, STRANGER + 40)
        async with ws.client(*strangers, ANNA) as client:
            frames = [await receive(client) for _ in range(41)]
            assert {frame["user_id"] for frame in frames if frame["op"] == "error"} == {
                str(user_id) for user_id in strangers
            }
            assert await own_backend.store.redis.pubsub_channels("presence:*") == [
                keys.presence(ANNA).encode()
            ]
            assert own_backend.source.asked == [ANNA]
            assert ws.hub.users == 1


async def test_an_unknown_user_is_remembered(own_backend: Backend) -> None:
    """Whoever asks again is answered without Redis."""
    async with own_backend.serving(FOR_LONG) as ws:
        await refused(ws, STRANGER)
        before = await lookups(own_backend)
        for _ in range(5):
            await refused(ws, STRANGER)
        async with ws.client(STRANGER, STRANGER + 1) as client:
            frames, code = await until_closed(client)
            assert (code, len(frames)) == (4404, 2)
        assert await lookups(own_backend) == before + 1


async def test_a_join_ends_it(backend: Backend) -> None:
    """Who connects after the join is shown the user, however soon."""
    async with backend.serving(FOR_LONG) as ws:
        for number in range(1, 30):
            await refused(ws, ANNA)
            await backend.show(ANNA, number)
            async with ws.client(ANNA) as client:
                assert number_of(await receive(client)) == number
                await backend.remove(ANNA)
                assert (await until_closed(client))[1] == 4404


async def test_a_join_at_the_same_moment_is_shown_or_refused(backend: Backend) -> None:
    """Many clients connect while the user joins: each is shown the user and then every change, or
    is refused. Those who connect later are shown the user.
    """
    async with backend.serving(FOR_LONG) as ws:

        async def connect(delay_s: float) -> bool:
            await asyncio.sleep(delay_s)
            async with ws.client(ANNA, BERT) as client:
                frame = await receive(client)
                while frame["user_id"] != str(ANNA):
                    frame = await receive(client)
                while frame["op"] != "error" and number_of(frame) < 2:
                    frame = await receive(client)
                return bool(frame["op"] != "error")

        for _ in range(5):
            await backend.show(BERT, 1)
            clients = [asyncio.create_task(connect(number * 0.0005)) for number in range(40)]
            await asyncio.sleep(0.01)
            await backend.show(ANNA, 1)
            last = asyncio.create_task(connect(0.0))
            await asyncio.sleep(0.005)
            await backend.show(ANNA, 2)
            await asyncio.gather(*clients)
            assert await last
            await backend.remove(ANNA)


async def test_a_join_during_a_disconnect_ends_it(backend: Backend) -> None:
    """What was remembered before is forgotten, as joins are not reported meanwhile."""
    async with backend.serving(FOR_LONG) as ws:
        await refused(ws, ANNA)
        await backend.store.redis.client_kill_filter(_type="pubsub")
        await eventually(lambda: not ws.hub.connected)
        await backend.show(ANNA, 1)
        async with ws.client(ANNA) as client:
            assert number_of(await receive(client)) == 1


async def test_redis_may_refuse_to_report_joins(
    own_redis: RedisServer, own_backend: Backend
) -> None:
    """Then nothing is remembered, and everything else works."""
    await own_redis.execute("ACL", "SETUSER", "default", "-client")
    async with own_backend.serving(FOR_LONG) as ws:
        await refused(ws, ANNA)
        await own_backend.show(ANNA, 1)
        async with ws.client(ANNA) as client:
            assert number_of(await receive(client)) == 1


def test_the_memory_is_short() -> None:
    """It ends by itself after its time."""
    now = 1000.0
    unknown = UnknownUsers(2.0, 10, clock=lambda: now)
    unknown.add(1)
    now += 1.9
    assert 1 in unknown
    now += 0.2
    assert 1 not in unknown


def test_the_memory_is_bounded() -> None:
    """The oldest are forgotten first; one who is added again is the newest."""
    unknown = UnknownUsers(60.0, 3)
    for user_id in (1, 2, 3, 1, 4):
        unknown.add(user_id)
    assert [user_id for user_id in range(1, 5) if user_id in unknown] == [1, 3, 4]
    assert len(unknown) == 3
