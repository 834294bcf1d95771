"""Event streams over real sockets and a real Redis."""

from __future__ import annotations

import asyncio
import os
import shutil
from contextlib import suppress

import msgspec
import pytest

from services.ws import fan_out
from services.ws.events.stream import EventStream
from services.ws.limits import WsLimits
from services.ws.peer import NO_FD
from shared.telemetry.metrics import total
from testing import event_stream
from testing.event_stream import EventStreamClient, EventStreamParser
from testing.eventually import PATIENCE, eventually
from tests.ws.events.events_fixture import body, ended, following, number, stream
from tests.ws.ws_fixture import (
    ANNA,
    BERT,
    STRANGER,
    Backend,
    number_of,
    receive,
    until_closed,
)


async def test_the_frames_of_the_websocket(backend: Backend) -> None:
    """Every event has the data of the frame that a WebSocket gets."""
    await backend.show(ANNA, 1)
    async with backend.serving() as ws, ws.client(ANNA) as other, stream(ws, ANNA) as client:
        assert client.status == 200
        assert client.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert client.headers["cache-control"] == "no-store, no-transform"
        assert client.headers["access-control-allow-origin"] == "*"
        assert client.headers["x-content-type-options"] == "nosniff"
        assert client.headers["x-accel-buffering"] == "no"
        for state, name in ((1, "anna"), (2, "anna"), (3, "hannah")):
            await backend.show(ANNA, state, name)
            assert (await following(client)).frame == await receive(other)
        assert (await following(client)).frame == await receive(other)
        assert ws.counters.frames - 4 >= ws.counters.event_frames >= 4
        assert 1000 <= client.parser.retry_ms <= 5000
        assert (ws.counters.event_clients, ws.counters.watchers) == (1, 2)
        await backend.show(ANNA, 3, "hannah")
        await backend.show(ANNA, 4, "hannah")
        assert await number(client) == 4
    assert ws.counters.event_clients == 0


async def test_several_users(backend: Backend) -> None:
    """Those who are not monitored, or leave, are reported, and the others stay."""
    await backend.show(ANNA, 1)
    await backend.show(BERT, 1)
    async with backend.serving() as ws, stream(ws, STRANGER, ANNA, BERT) as client:
        first = [await following(client) for _ in range(3)]
        assert sorted((one.type, one.frame["user_id"]) for one in first) == [
            ("error", str(STRANGER)),
            ("initial_data", str(ANNA)),
            ("initial_data", str(BERT)),
        ]
        await backend.show(BERT, 2)
        assert (await following(client)).frame["user_id"] == str(BERT)
        await backend.remove(ANNA)
        gone = (await following(client)).frame
        assert (gone["user_id"], gone["d"]["code"]) == (str(ANNA), "user_not_monitored")
        await backend.remove(BERT)
        assert (await following(client)).frame["user_id"] == str(BERT)
        await ended(client)
        assert client.parser.retry_ms >= 60_000  # it does not help to ask again at once
        await eventually(lambda: not ws.counters.connections)


async def test_the_response_when_nothing_can_be_shown(backend: Backend) -> None:
    """An EventSource ends for good at any status but 200. So a user who is not monitored, or is
    none, is a status; everything that passes is an event."""
    async with backend.serving() as ws:
        for user, status, code in (
            (STRANGER, 404, "user_not_monitored"),
            ("x", 400, "invalid_user_id"),
            ("", 400, "invalid_user_id"),
            (",".join(str(ANNA + one) for one in range(51)), 400, "invalid_user_id"),
        ):
            async with stream(ws, user) as client:
                error = msgspec.json.decode(await body(client))
                assert (client.status, error["error"]["code"]) == (status, code)
                assert client.headers["access-control-allow-origin"] == "*"
                assert client.headers["access-control-expose-headers"] == "Retry-After"
                assert client.headers["x-content-type-options"] == "nosniff"
                assert client.headers["cache-control"] == "no-store"
                assert "upgrade" not in client.headers
                if status == 404:
                    assert error["error"]["discord_invite"] is None


@pytest.mark.parametrize(
    ("method", "status", "more"),
    [
        ("HEAD", 200, {"content-type": "text/event-stream; charset=utf-8"}),
        ("OPTIONS", 204, {"access-control-allow-methods": "GET, HEAD, OPTIONS"}),
        ("POST", 405, {"allow": "GET, HEAD, OPTIONS"}),
        ("DELETE", 405, {"allow": "GET, HEAD, OPTIONS"}),
    ],
)
async def test_other_methods(
    backend: Backend, method: str, status: int, more: dict[str, str]
) -> None:
    """HEAD gets the headers, OPTIONS what CORS asks for, and the others Allow."""
    await backend.show(ANNA, 1)
    async with backend.serving() as ws, stream(ws, ANNA, method=method) as client:
        rest = await body(client)
        assert client.status == status
        assert more.items() <= client.headers.items()
        assert client.headers["access-control-allow-origin"] == "*"
        assert bool(rest) == (status == 405)


async def test_head_answers_as_get_does(backend: Backend) -> None:
    """Without a body. What it asks for is over at once."""
    await backend.show(BERT, 1)
    async with backend.serving() as ws:
        for users, status in (
            ((ANNA,), 404),
            ((ANNA, BERT), 200),
            (("x",), 400),
        ):
            async with stream(ws, *users, method="HEAD") as client:
                assert (client.status, await body(client)) == (status, b"")
        await eventually(lambda: ws.counters.connections == 0)
        assert (ws.counters.watchers, ws.counters.event_clients) == (0, 0)


async def test_a_post_with_a_body(backend: Backend) -> None:
    """405 as well, and the body is not waited for."""
    async with (
        backend.serving() as ws,
        stream(ws, ANNA, method="POST", header="Content-Length: 1000") as client,
    ):
        assert client.status == 405


@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_any_version_of_http(backend: Backend, version: str) -> None:
    """The body ends with the connection, so a client of HTTP/1.0 reads it as well. What comes
    after the request is ignored, up to a bound."""
    await backend.show(ANNA, 1)
    async with backend.serving() as ws:
        reader, writer = await asyncio.open_connection("127.0.0.1", ws.port)
        client = EventStreamClient(reader, writer)
        head = event_stream.request(ws.port, [ANNA], "GET", "Last-Event-ID: 7")
        client.writer.write(head.replace(b"HTTP/1.1", f"HTTP/{version}".encode()))
        async with asyncio.timeout(PATIENCE):
            await client.read_head()
        assert await number(client) == 1
        client.writer.write(b"GET / HTTP/1.1\r\n\r\n")
        await backend.show(ANNA, 2)
        assert await number(client) == 2
        assert "transfer-encoding" not in client.headers
        client.writer.write(b"x" * 5000)
        await eventually(lambda: not ws.counters.connections)
        assert total(ws.counters.dropped) == 1
        client.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def test_comments(backend: Backend) -> None:
    """They come while nothing happens, from the sweep that pings WebSockets."""
    await backend.show(ANNA, 1)
    async with backend.serving(WsLimits(ping_every=0.1)) as ws, stream(ws, ANNA) as client:
        await number(client)
        while client.parser.comments < 3:
            async with asyncio.timeout(PATIENCE):
                piece = await client.reader.read(1000)
            assert client.parser.feed(piece) == []
        await backend.show(ANNA, 2)
        assert await number(client) == 2


async def test_a_stream_without_a_head_yet(backend: Backend) -> None:
    """The profile source takes its time: a comment starts the stream then."""
    await backend.show(ANNA, 1)
    backend.source.may_answer.clear()
    async with (
        backend.serving(WsLimits(ping_every=0.1, extras_within=PATIENCE)) as ws,
        stream(ws, ANNA) as client,
    ):
        assert client.status == 200
        backend.source.may_answer.set()
        assert await number(client) == 1


async def test_a_client_that_goes_away(backend: Backend) -> None:
    """Its subscriptions end, whether it closes, half-closes or resets."""
    await backend.show(ANNA, 1)
    async with backend.serving() as ws:
        for end in (
            EventStreamClient.close,
            lambda client: client.writer.close(),
            lambda client: client.writer.write_eof(),
        ):
            async with stream(ws, ANNA) as client:
                await number(client)
                end(client)
                await eventually(lambda: not ws.counters.connections)
                assert (ws.counters.watchers, ws.counters.event_clients) == (0, 0)
                assert len(ws.context.keepalive) == ws.context.limiter.connections == 0


async def test_direct_writes(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    """Updates are written past the transport, and partial ones are completed in order."""
    frames: list[bytes] = []

    def some(fd: int, frame: bytes) -> int:
        frames.append(frame)
        return os.write(fd, frame[: len(frame) - len(frames) % 3])

    monkeypatch.setattr(fan_out, "write", some)
    await backend.show(ANNA, 0)
    async with backend.serving() as ws, stream(ws, ANNA) as client, stream(ws, ANNA) as other:
        assert [await number(client), await number(other)] == [0, 0]
        for update in range(1, 20):
            await backend.show(ANNA, update)
            assert [await number(client), await number(other)] == [update, update]
        assert len(frames) == 38
        assert all(one is two for one, two in zip(frames[::2], frames[1::2], strict=True))
        (found, _) = (one for one in ws.context.keepalive if isinstance(one, EventStream))
        assert found._session is not None
        (subscription,) = found._session.subscriptions
        assert subscription.fd == found.fd
        await backend.remove(ANNA)
        await following(client)
        assert subscription.fd == NO_FD


async def test_beside_a_websocket(backend: Backend) -> None:
    """A user stays subscribed while either kind of client is left."""
    await backend.show(ANNA, 1)
    async with backend.serving(WsLimits(linger=0.05)) as ws:
        async with ws.client(ANNA) as socket_client:
            async with stream(ws, ANNA) as client:
                await receive(socket_client)
                await number(client)
                await socket_client.close()
                await eventually(lambda: ws.counters.watchers == 1)
                await backend.show(ANNA, 2)
                assert await number(client) == 2
                await backend.remove(ANNA)
                assert (await following(client)).type == "error"
            async with ws.client(ANNA) as late:
                assert (await until_closed(late))[1] == 4404
        await eventually(lambda: ws.hub.users == 0)


async def test_curl(backend: Backend) -> None:
    """What a shell gets, as it happens."""
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("curl is not installed")
    await backend.show(ANNA, 1)
    async with backend.serving() as ws:
        url = f"http://127.0.0.1:{ws.port}/events?user_id={ANNA}"
        process = await asyncio.create_subprocess_exec(
            *(curl, "-sN", "--noproxy", "*", url), stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        parser, shown = EventStreamParser(), 0
        async with asyncio.timeout(PATIENCE):
            while shown != 2:
                for event in parser.feed(await process.stdout.read(1000)):
                    shown = number_of(event.frame)
                    await backend.show(ANNA, 2)
        process.kill()
        await process.wait()
