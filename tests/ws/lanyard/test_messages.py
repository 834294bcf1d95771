"""What clients of Lanyard's dialect say: kinds of frames, compression, opcodes, closes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.ws.lanyard.lanyard_fixture import (
    HELLO,
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
from tests.ws.ws_fixture import ANNA, BERT, CARL, STRANGER, Backend, nothing_comes


@pytest.mark.parametrize("kind", ["text", "binary", "fragments"])
async def test_kinds_of_frames(backend: Backend, kind: str) -> None:
    """The content is JSON either way."""
    await show(backend, ANNA, 1)
    said = msgspec.json.encode(initialize_one(ANNA))
    async with backend.serving() as ws, lanyard_client(ws) as client:
        if kind == "text":
            await client.send(said.decode())
        elif kind == "binary":
            await client.send(said)
        else:
            await client.send([said[:10], said[10:30], said[30:]])
        assert number_in(await init_state(client)) == 1


@pytest.mark.parametrize("query", ["compression=zlib_json", "compression=x&compression=zlib_json"])
async def test_compression(backend: Backend, query: str) -> None:
    """Every frame is a zlib stream of its own, Hello as well."""
    await show(backend, ANNA, 1)
    async with (
        backend.serving() as ws,
        connect(f"ws://127.0.0.1:{ws.port}/socket?{query}") as client,
        lanyard_client(ws, initialize_one(ANNA)) as plain,
    ):
        assert unzipped(await client.recv()) == HELLO
        await say(client, initialize_one(ANNA))
        assert number_in(unzipped(await client.recv())["d"]) == 1
        await init_state(plain)
        await show(backend, ANNA, 2)
        assert number_in(unzipped(await client.recv())["d"]) == 2
        assert number_in(await update(plain)) == 2


@pytest.mark.parametrize("query", ["?compression=zlib", "?compression=", "?compression=ZLIB_JSON"])
async def test_other_compressions_are_none(backend: Backend, query: str) -> None:
    """Only the exact value counts."""
    async with backend.serving() as ws, lanyard_client(ws, query=query):
        pass  # it has read Hello as text


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("", 4006),
        ("x", 4006),
        ("[2]", 4006),
        ("2", 4006),
        ("[" * 20_000, 4006),
        ("{}", 4004),
        ('{"op":"2"}', 4004),
        ('{"op":0}', 4004),
        ('{"op":1}', 4004),
        ('{"op":5}', 4004),
        ('{"op":2.0,"d":{"subscribe_to_id":"1"}}', 4004),
        ('{"op":true}', 4004),
        ('{"op":2}', 4005),
        ('{"op":2,"d":null}', 4005),
        ('{"op":2,"d":[]}', 4005),
        ('{"op":2,"d":{}}', 4005),
        ('{"op":2,"d":{"x":1}}', 4006),
        ('{"op":2,"d":{"subscribe_to_all":false}}', 4006),
        ('{"op":2,"d":{"subscribe_to_all":1}}', 4006),
        ('{"op":2,"d":{"subscribe_to_ids":"1"}}', 4006),
        ('{"op":2,"d":{"subscribe_to_ids":null}}', 4006),
    ],
)
async def test_closes(backend: Backend, said: str, code: int) -> None:
    """What is no message of the protocol closes, with Lanyard's codes."""
    async with backend.serving() as ws, lanyard_client(ws) as client:
        await client.send(said)
        with pytest.raises(ConnectionClosed):
            await client.recv()
        assert client.close_code == code


@pytest.mark.parametrize(
    "said",
    [
        {"op": 3},
        {"op": 3, "d": {}},
        {"op": 4},
        {"op": 4, "d": None},
        {"op": 4, "d": {"x": 1}},
        {"op": 4, "d": {"unsubscribe_from_ids": "1"}},
        {"op": 4, "d": {"unsubscribe_from_ids": [1, None, "x"]}},
        {"op": 4, "d": {"unsubscribe_from_id": str(STRANGER)}},
        {"op": 4, "d": {"unsubscribe_from_all": False}},
    ],
)
async def test_what_is_not_answered(backend: Backend, said: Any) -> None:
    """Heartbeats and unsubscriptions, sensible ones or not, change nothing here."""
    await show(backend, ANNA, 1)
    async with backend.serving() as ws, lanyard_client(ws, initialize_one(ANNA), said) as client:
        await init_state(client)
        await nothing_comes(client)
        await show(backend, ANNA, 2)
        assert number_in(await update(client)) == 2


@pytest.mark.parametrize(
    ("data", "left"),
    [
        ({"unsubscribe_from_ids": [str(ANNA), str(STRANGER)]}, {2, 3}),
        ({"unsubscribe_from_id": str(BERT)}, {1, 3}),
        ({"unsubscribe_from_all": True}, set()),
    ],
)
async def test_unsubscribing(backend: Backend, data: Any, left: set[int]) -> None:
    """The updates of these users stop, and Initialize brings them back."""
    users = {ANNA: 1, BERT: 2, CARL: 3}
    for user_id, number in users.items():
        await show(backend, user_id, number)
    async with backend.serving() as ws, lanyard_client(ws, initialize(*users)) as client:
        await init_state(client)
        await say(client, {"op": 4, "d": data})
        await say(client, initialize())
        assert await init_state(client) == {}
        for user_id, number in users.items():
            await show(backend, user_id, number + 10)
        assert {number_in(await update(client)) - 10 for _ in left} == left
        await nothing_comes(client)
        await say(client, initialize(*users))
        assert len(await init_state(client)) == 3
        await show(backend, ANNA, 21)
        assert number_in(await update(client)) == 21
