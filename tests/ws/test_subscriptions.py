"""Subscriptions that change on an open connection, over real sockets and a real Redis."""

from __future__ import annotations

import pytest
from websockets.asyncio.client import ClientConnection, connect

from services.ws.connection import Connection
from services.ws.limits import WsLimits
from services.ws.notices import TOO_MANY_USERS
from shared.model.profile_extras import ProfileExtras
from shared.net.client_address import networks
from shared.telemetry.metrics import total
from testing.eventually import eventually
from tests.ws.ws_fixture import (
    ANNA,
    BERT,
    CARL,
    STRANGER,
    Backend,
    RunningServer,
    nothing_comes,
    number_of,
    receive,
    say,
    until_closed,
)

PROXIES = networks("127.0.0.0/8, ::1")
IDS = range(ANNA, ANNA + 60)


async def error_of(client: ClientConnection) -> tuple[str | None, str]:
    """The user and the code of the next frame, which is an error frame."""
    frame = await receive(client)
    assert frame["op"] == "error"
    return frame["user_id"], frame["d"]["code"]


async def shown(client: ClientConnection) -> tuple[str, str, int]:
    """What the next frame shows of whom."""
    frame = await receive(client)
    return frame["op"], frame["user_id"], number_of(frame)


async def test_users_come_and_go(backend: Backend) -> None:
    """A connection without a user stays open, and is sent those that it subscribes to."""
    await backend.show(ANNA, 1)
    await backend.show(BERT, 1)
    async with backend.serving() as ws, ws.client() as client:
        await nothing_comes(client)
        await say(client, "subscribe", ANNA, BERT)
        frames = {await shown(client), await shown(client)}
        assert frames == {("initial_data", str(ANNA), 1), ("initial_data", str(BERT), 1)}
        await backend.show(BERT, 2)
        assert await shown(client) == ("presence_update", str(BERT), 2)
        await say(client, "unsubscribe", BERT, CARL)
        await nothing_comes(client)  # the server has handled the message
        await backend.show(BERT, 3)
        await backend.show(ANNA, 2)
        assert await shown(client) == ("presence_update", str(ANNA), 2)
        await say(client, "unsubscribe", ANNA)
        await nothing_comes(client)
        assert ws.counters.watchers == 0
        await say(client, "subscribe", BERT)
        assert await shown(client) == ("initial_data", str(BERT), 3)


async def test_a_user_who_is_subscribed_already_is_sent_again(backend: Backend) -> None:
    """Each user of a `subscribe` is answered once, and still subscribed only once."""
    await backend.show(ANNA, 1)
    async with backend.serving() as ws, ws.client(ANNA) as client:
        await receive(client)
        await say(client, "subscribe", ANNA, ANNA)
        assert await shown(client) == ("initial_data", str(ANNA), 1)
        await backend.show(ANNA, 2)
        assert await shown(client) == ("presence_update", str(ANNA), 2)
        await nothing_comes(client)
        assert ws.counters.watchers == 1


async def test_a_user_who_is_not_monitored_leaves_the_connection_open(backend: Backend) -> None:
    """So does one who leaves, although the connection has no other user."""
    async with backend.serving() as ws, ws.client() as client:
        await say(client, "subscribe", STRANGER)
        assert await error_of(client) == (str(STRANGER), "user_not_monitored")
        await backend.show(ANNA, 1)
        await say(client, "subscribe", ANNA)
        await shown(client)
        await backend.remove(ANNA)
        assert await error_of(client) == (str(ANNA), "user_not_monitored")
        await backend.show(ANNA, 2)
        await nothing_comes(client)
        await say(client, "subscribe", ANNA)
        assert await shown(client) == ("initial_data", str(ANNA), 2)


async def test_a_message_keeps_a_connection_with_one_user_open(backend: Backend) -> None:
    """A client that changes its subscriptions is not closed when its only user leaves."""
    await backend.show(ANNA, 1)
    async with backend.serving() as ws, ws.client(ANNA) as client:
        await receive(client)
        await say(client, "unsubscribe", BERT)
        await nothing_comes(client)
        await backend.remove(ANNA)
        assert await error_of(client) == (str(ANNA), "user_not_monitored")
        await nothing_comes(client)


@pytest.mark.parametrize(
    ("op", "users"),
    [("subscribe", IDS[:51]), ("subscribe", IDS[2:52]), ("unsubscribe", IDS[:51])],
)
async def test_too_many_users(backend: Backend, op: str, users: range) -> None:
    """In one message, or with those of before: nothing is applied, and the rest goes on."""
    await backend.show(ANNA, 1)
    async with backend.serving() as ws, ws.client(ANNA) as client:
        await receive(client)
        await say(client, op, *users)
        assert await error_of(client) == (None, "too_many_users")
        assert ws.counters.watchers == 1
        await backend.show(ANNA, 2)
        assert await shown(client) == ("presence_update", str(ANNA), 2)


async def test_fifty_users_fit_into_one_message(backend: Backend) -> None:
    """With the longest ids, within the limit of 4 KiB; and the next fifty after them."""
    async with backend.serving() as ws, ws.client() as client:
        for _ in range(2):
            await say(client, "subscribe", *IDS[:50])
            codes = {await error_of(client) for _ in range(50)}
            assert codes == {(str(user_id), "user_not_monitored") for user_id in IDS[:50]}


async def test_malformed_ids(backend: Backend) -> None:
    """Each is answered by an error frame with it; the others are subscribed to."""
    await backend.show(ANNA, 1)
    async with backend.serving() as ws, ws.client() as client:
        await say(client, "subscribe", "x" * 100, ANNA, "@anna")
        assert await error_of(client) == ("x" * 64, "invalid_user_id")
        assert await error_of(client) == ("@anna", "invalid_user_id")
        assert await shown(client) == ("initial_data", str(ANNA), 1)
        await say(client, "unsubscribe", "@anna")
        await nothing_comes(client)


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        ("", "it is not JSON"),
        ("ping", "it is not JSON"),
        (b"\xff", "it is not JSON"),
        ("[" * 4000, "got `array`"),
        ('{"op":"subscribe","user_ids":[],"x":%s' % ("[" * 3000), "it is not JSON"),
        ("[]", "Expected `object`, got `array`"),
        ("{}", "Object missing required field `op`"),
        ('{"op":"heartbeat"}', "Invalid value 'heartbeat' - at `$.op`"),
        ('{"op":2,"d":{}}', "Expected `str` - at `$.op`"),
        ('{"op":"subscribe"}', "Object missing required field `user_ids`"),
        ('{"op":"subscribe","user_ids":"1"}', "Expected `array`, got `str` - at `$.user_ids`"),
        (
            '{"op":"subscribe","user_ids":[1274150219482660897]}',
            "Expected `str`, got `int` - at `$.user_ids[0]`",
        ),
        ('{"op":"%s"}' % ("x" * 1000), "Invalid value 'xxxx"),
    ],
)
async def test_invalid_messages(backend: Backend, message: str | bytes, problem: str) -> None:
    """Each is answered by an error frame that says what is wrong; the third one closes."""
    await backend.show(ANNA, 1)
    async with backend.serving() as ws, ws.client(ANNA) as client:
        await receive(client)
        for _ in range(2):
            await client.send(message)
            frame = await receive(client)
            assert (frame["op"], frame["user_id"]) == ("error", None)
            assert frame["d"]["code"] == "invalid_message"
            assert problem in frame["d"]["message"]
            assert len(frame["d"]["message"]) < 500
        await backend.show(ANNA, 2)
        assert await shown(client) == ("presence_update", str(ANNA), 2)
        await client.send(message)
        frames, code = await until_closed(client)
        assert (code, client.close_reason) == (4400, "invalid_message")
        assert [one["d"]["code"] for one in frames] == ["invalid_message"]


async def test_what_a_later_version_may_add(backend: Backend) -> None:
    """Keys that the server does not know change nothing; neither does a binary message."""
    await backend.show(ANNA, 1)
    async with backend.serving() as ws, ws.client() as client:
        await client.send(b'{"user_ids":["%d"],"op":"subscribe","since":0}' % ANNA)
        assert await shown(client) == ("initial_data", str(ANNA), 1)


async def test_nothing_of_a_user_who_is_still_being_loaded(backend: Backend) -> None:
    """An unsubscribe that overtakes the first frame keeps it from being sent."""
    await backend.show(ANNA, 1)
    backend.source.known[ANNA] = ProfileExtras(bio="late")
    backend.source.may_answer.clear()
    async with backend.serving(WsLimits(extras_within=60.0)) as ws, ws.client() as client:
        await say(client, "subscribe", ANNA)
        await eventually(lambda: backend.source.asked == [ANNA])
        await say(client, "unsubscribe", ANNA)
        await nothing_comes(client)
        backend.source.may_answer.set()
        async with ws.client(ANNA) as other:
            assert (await receive(other))["d"]["profile"]["bio"] == "late"
        await nothing_comes(client)


async def test_messages_count_like_connections(backend: Backend) -> None:
    """Users are looked up for a message within the budget of the address, as at a handshake."""
    async with (
        backend.serving(WsLimits(lookups_per_address=10, trusted=PROXIES)) as ws,
        by_address(ws) as client,
    ):
        await say(client, "subscribe", *IDS[:5])
        for _ in range(5):
            await receive(client)
        await say(client, "subscribe", *IDS[5:11])
        frames, code = await until_closed(client)
        assert [one["d"]["message"] for one in frames] == [TOO_MANY_USERS.message]
        assert (code, client.close_reason) == (4429, "rate_limited")


@pytest.mark.parametrize("op", ["subscribe", "unsubscribe"])
async def test_changes_are_counted(backend: Backend, op: str) -> None:
    """Added or removed, known or not, malformed or not: all count for the address."""
    await backend.show(ANNA, 1)
    async with (
        backend.serving(WsLimits(changes_per_address=6, trusted=PROXIES)) as ws,
        by_address(ws) as client,
    ):
        await say(client, "subscribe", ANNA)
        await shown(client)
        for _ in range(2):
            await say(client, op, "@anna", "@bert")
        await say(client, op, ANNA)
        if op == "subscribe":
            assert [await error_of(client) for _ in range(4)]
            await shown(client)
        await nothing_comes(client)
        await say(client, op, ANNA)
        assert (await until_closed(client))[1] == 4429


async def test_coming_and_going_costs_redis_nothing(backend: Backend) -> None:
    """A user who is subscribed to again within half a minute is still followed."""
    await backend.show(ANNA, 1)
    async with (
        backend.serving(WsLimits(lookups_per_address=1, trusted=PROXIES)) as ws,
        by_address(ws) as client,
    ):
        for _ in range(20):
            await say(client, "subscribe", ANNA)
            assert await shown(client) == ("initial_data", str(ANNA), 1)
            await say(client, "unsubscribe", ANNA)
            await nothing_comes(client)


async def test_messages_wait_while_the_client_does_not_read(backend: Backend) -> None:
    """They are applied before anything else is sent when it reads again."""
    await backend.show(ANNA, 1)
    async with backend.serving() as ws, ws.client(ANNA) as client:
        await receive(client)
        (connection,) = ws.context.keepalive
        assert isinstance(connection, Connection)
        connection.pause_writing()
        await say(client, "unsubscribe", ANNA)
        await nothing_comes(client)  # the pong to the ping that it sends: the message is read
        await backend.show(ANNA, 2)
        await eventually(lambda: total(ws.counters.skipped) == 1)
        assert ws.counters.watchers == 1
        connection.resume_writing()
        assert ws.counters.watchers == 0
        await nothing_comes(client)


def by_address(ws: RunningServer) -> connect:
    """A client without a user, which is counted: a trusted proxy names its address."""
    headers = {"X-Forwarded-For": "203.0.112.7"}
    return connect(ws.url(), additional_headers=headers, ping_interval=None)
