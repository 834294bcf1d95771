"""The contract of docs/websocket.md, over real sockets and a real Redis."""

from __future__ import annotations

import asyncio

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from services.ws.limits import WsLimits
from shared.version import VERSION
from testing.eventually import PATIENCE, eventually
from tests.ws.ws_fixture import (
    ANNA,
    BERT,
    CARL,
    STRANGER,
    Backend,
    fields,
    nothing_comes,
    number_of,
    receive,
    until_closed,
)


async def test_the_frames_byte_for_byte(backend: Backend) -> None:
    """A client gets initial_data, then presence_update and profile_update, as documented."""
    await backend.show(ANNA, 1)
    async with backend.serving() as ws, ws.client(ANNA) as client:
        first = fields(ANNA, 1)
        assert await client.recv(decode=False) == (
            b'{"op":"initial_data","user_id":"%d","d":{"profile":%b,%b}'
            % (ANNA, first.profile, first.presence[1:])
        )
        await backend.show(ANNA, 2)
        second = fields(ANNA, 2)
        assert await client.recv(decode=False) == (
            b'{"op":"presence_update","user_id":"%d","d":%b}' % (ANNA, second.presence)
        )
        await backend.show(ANNA, 2, "hannah")
        third = fields(ANNA, 2, "hannah")
        assert await client.recv(decode=False) == (
            b'{"op":"profile_update","user_id":"%d","d":{"profile":%b}}' % (ANNA, third.profile)
        )


async def test_key_order(backend: Backend) -> None:
    """`op`, `user_id`, `d`; and in the first `d` the profile comes before the presence."""
    await backend.show(ANNA, 1)
    async with backend.serving() as ws, ws.client(ANNA) as client:
        frame = await receive(client)
        assert list(frame) == ["op", "user_id", "d"]
        presence = ["status", "spotify", "activity", "custom_status", "listening"]
        assert list(frame["d"]) == ["profile", *presence]


async def test_one_save_that_changes_both(backend: Backend) -> None:
    """The profile comes first when profile and presence change together."""
    await backend.show(ANNA, 1)
    async with backend.serving() as ws, ws.client(ANNA) as client:
        await receive(client)
        await backend.show(ANNA, 2, "hannah")
        assert [(await receive(client))["op"] for _ in range(2)] == [
            "profile_update",
            "presence_update",
        ]


@pytest.mark.parametrize("path", ["/", "/socket", "/socket/", "/ws", "//", "/a/b%2Fc", "/health"])
async def test_paths(backend: Backend, path: str) -> None:
    """The endpoint is `/`, or whatever path a proxy forwards."""
    await backend.show(ANNA, 1)
    async with backend.serving() as ws, connect(ws.url(ANNA, path=path)) as client:
        assert (await receive(client))["op"] == "initial_data"


async def test_no_compression(backend: Backend) -> None:
    """A client that offers permessage-deflate is answered without it."""
    await backend.show(ANNA, 1)
    async with backend.serving() as ws, connect(ws.url(ANNA), compression="deflate") as client:
        assert client.response is not None
        assert "Sec-WebSocket-Extensions" not in client.response.headers
        assert (await receive(client))["op"] == "initial_data"


@pytest.mark.parametrize(
    "query",
    [
        f"user_id={ANNA}&user_id={BERT}&user_id={CARL}",
        f"user_id={ANNA},{BERT},{CARL}",
        f"user_id={ANNA},{BERT}&user_id={CARL},{ANNA}&user_id={BERT}",
    ],
)
async def test_several_users(backend: Backend, query: str) -> None:
    """Each user of a connection, named once or twice, has one initial_data and own updates."""
    for user_id in (ANNA, BERT, CARL):
        await backend.show(user_id, 1)
    async with backend.serving() as ws, connect(f"ws://127.0.0.1:{ws.port}/?{query}") as client:
        first = [await receive(client) for _ in range(3)]
        assert {frame["op"] for frame in first} == {"initial_data"}
        assert sorted(frame["user_id"] for frame in first) == [str(ANNA), str(BERT), str(CARL)]
        await backend.show(BERT, 2)
        frame = await receive(client)
        assert (frame["op"], frame["user_id"]) == ("presence_update", str(BERT))
        await nothing_comes(client)


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", None),
        ("user_id=,", None),
        ("userid=1", None),
        ("user_id=12", "12"),
        ("user_id=me", "me"),
        (f"user_id={ANNA}&user_id=0{BERT}", f"0{BERT}"),
        ("user_id=" + "9" * 5000, "9" * 64),
        ("user_id=%00%0A%22%3Cscript%3E", '\x00\n"<script>'),
        ("user_id=" + ",".join(str(ANNA + n) for n in range(51)), None),
    ],
)
async def test_malformed_ids(backend: Backend, query: str, shown: str | None) -> None:
    """A malformed request gets a WebSocket, an error frame, and 4400."""
    await backend.show(ANNA, 1)
    async with backend.serving() as ws, connect(f"ws://127.0.0.1:{ws.port}/?{query}") as client:
        frames, code = await until_closed(client)
        assert code == 4400
        assert [frame["op"] for frame in frames] == ["error"]
        assert list(frames[0]) == ["op", "user_id", "d"]
        assert frames[0]["user_id"] == shown
        assert list(frames[0]["d"]) == ["code", "message"]
        assert frames[0]["d"]["code"] == "invalid_user_id"


async def test_fifty_users_are_not_too_many(backend: Backend) -> None:
    """Fifty users fit on one connection, however often they are named."""
    users = [ANNA + n for n in range(50)]
    for user_id in users:
        await backend.show(user_id, 1)
    async with backend.serving() as ws, ws.client(*users, *users) as client:
        got = {(await receive(client))["user_id"] for _ in users}
        assert got == set(map(str, users))


async def test_a_stranger(backend: Backend) -> None:
    """A user who is not monitored is reported, and the connection closes with 4404."""
    async with backend.serving() as ws, ws.client(STRANGER) as client:
        frames, code = await until_closed(client)
        assert code == 4404
        assert [(f["op"], f["user_id"], f["d"]["code"]) for f in frames] == [
            ("error", str(STRANGER), "user_not_monitored")
        ]


async def test_a_stranger_among_several(backend: Backend) -> None:
    """With several users, one who is not monitored is reported, and the others stay."""
    await backend.show(ANNA, 1)
    async with backend.serving() as ws, ws.client(STRANGER, ANNA) as client:
        frames = {(await receive(client))["op"] for _ in range(2)}
        assert frames == {"error", "initial_data"}
        await backend.show(ANNA, 2)
        assert number_of(await receive(client)) == 2


async def test_only_users_that_are_not_monitored(backend: Backend) -> None:
    """When none of several users is monitored, the connection closes with 4404."""
    async with backend.serving() as ws, ws.client(STRANGER, STRANGER + 1) as client:
        frames, code = await until_closed(client)
        assert (len(frames), code) == (2, 4404)


def _status(status: str) -> bytes:
    """What /health and /ready show to the public: no counters."""
    return b'{"status":"%b","version":"%b"}' % (status.encode(), VERSION.encode())


@pytest.mark.parametrize(
    ("method", "path", "status", "said"),
    [
        ("GET", "/health", 200, _status("ok")),
        ("GET", "http://x/health", 200, _status("ok")),
        ("GET", "http://x?user_id=1", 426, b"WebSocket endpoint"),
        ("GET", "/ready", 200, _status("ready")),
        ("HEAD", "/health", 200, b""),
        ("GET", f"/?user_id={ANNA}", 426, b"WebSocket endpoint"),
        ("GET", "/nowhere", 426, b"WebSocket endpoint"),
        ("POST", "/", 426, b"WebSocket endpoint"),
        ("GET", f"/socket?user_id={ANNA}", 426, b"upgrade_required"),
        ("GET", "/socket", 400, b"upgrade_failed"),  # as Lanyard says it
    ],
)
async def test_plain_http(
    backend: Backend, method: str, path: str, status: int, said: bytes
) -> None:
    """Plain HTTP gets the health, or an error that explains the port."""
    async with backend.serving() as ws:
        reader, writer = await asyncio.open_connection("127.0.0.1", ws.port)
        writer.write(f"{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        async with asyncio.timeout(PATIENCE):
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        assert head.startswith(b"HTTP/1.1 %d " % status)
        assert b"application/json" in head
        assert body == said if status == 200 else said in body  # health: no counters
        assert bool(body) == (method != "HEAD")


async def test_a_full_process_says_so_before_the_handshake(backend: Backend) -> None:
    """503 for load balancers; connected clients stay, and /health still answers."""
    await backend.show(ANNA, 1)
    async with backend.serving(WsLimits(connections=1)) as ws:
        async with connect(ws.url(ANNA)) as first:
            await receive(first)
            with pytest.raises(InvalidStatus) as refused:
                await connect(ws.url(ANNA))
            assert refused.value.response.status_code == 503
            assert b"Try again" in refused.value.response.body
        await eventually(lambda: ws.counters.connections == 0)
        async with connect(ws.url(ANNA)) as second:
            assert (await receive(second))["op"] == "initial_data"


async def test_closing_tells_everyone(backend: Backend) -> None:
    """A server that stops closes its clients with 1012, after every pending frame."""
    await backend.show(ANNA, 1)
    async with backend.serving() as ws:
        clients = [await ws.client(ANNA) for _ in range(20)]
    for client in clients:
        frames, code = await until_closed(client)
        assert (code, [frame["op"] for frame in frames]) == (1012, ["initial_data"])
