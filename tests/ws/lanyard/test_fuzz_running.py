"""A running server, and clients of Lanyard's dialect that say anything, from a seed."""

from __future__ import annotations

import random
from contextlib import suppress

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from services.ws.lanyard.protocol import Initialize, decode_message
from services.ws.limits import WsLimits
from services.ws.protocol import CloseReason
from testing.eventually import eventually
from tests.ws.lanyard.lanyard_fixture import (
    Json,
    init_state,
    initialize,
    initialize_one,
    lanyard_client,
    next_frame,
    number_in,
    show,
    update,
)
from tests.ws.ws_fixture import ANNA, BERT, STRANGER, Backend, RunningServer

CLIENTS = 40
MESSAGES = 12  # of each client, at most
UNLIMITED = WsLimits(frames=1_000_000)
VIOLATIONS = {1002, 1007, 1009}  # of RFC 6455
IDS = [str(ANNA), str(BERT), str(STRANGER), "x", "", 5, None]


def message(rng: random.Random) -> bytes:
    """Nearly always one of the protocol; else any JSON or bytes."""
    some = rng.sample(IDS, rng.randrange(len(IDS)))
    choices: list[object] = [
        {"op": 2, "d": {"subscribe_to_ids": some}},
        {"op": 2, "d": {"subscribe_to_id": rng.choice(IDS)}},
        {"op": 2, "d": {"subscribe_to_all": True}},
        {"op": 3, "d": rng.choice([None, {}, some])},
        {"op": 4, "d": {"unsubscribe_from_ids": some}},
        {"op": 4, "d": {"unsubscribe_from_id": rng.choice(IDS)}},
        {"op": 4, "d": {"unsubscribe_from_all": True}},
        {"op": 4, "d": rng.choice([None, 1, {}])},
    ]
    if rng.random() > 0.05:
        return msgspec.json.encode(rng.choice(choices))
    odd: list[object] = [{}, [], None, {"op": rng.randrange(9)}, {"op": 2, "d": {"x": some}}]
    return rng.choice([msgspec.json.encode(rng.choice(odd)), rng.randbytes(rng.randrange(90))])


async def say_anything(ws: RunningServer, rng: random.Random) -> None:
    """One client: each Initialize is answered, up to the message that closes. Those for everyone
    may share an answer, which may have 10 MB."""
    said = [message(rng) for _ in range(rng.randrange(1, MESSAGES))]
    expected, shared, close = 0, 0, 0
    async with lanyard_client(ws) as client:
        with suppress(ConnectionClosed):  # the server may have closed already
            for one in said:
                await client.send(one, text=rng.random() < 0.5 and is_text(one))
        for one in said:
            match decode_message(one):
                case Initialize(everyone=True) if ws.hub.everyone is not None:
                    shared += 1
                case Initialize():
                    expected += 1
                case CloseReason(close_code=close):
                    break
        await check_answers(client, expected, shared, close)


def is_text(payload: bytes) -> bool:
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True


async def check_answers(client: ClientConnection, expected: int, shared: int, close: int) -> None:
    states = 0
    try:
        while states < expected or close:
            states += (await next_frame(client))["t"] == "INIT_STATE"
    except ConnectionClosed:
        assert client.close_code == close
    assert states <= expected + shared
    if not close:  # a client that keeps to the protocol is never closed
        await (await client.ping())
        assert client.close_code is None


async def send_any_frames(ws: RunningServer, rng: random.Random) -> None:
    """One client whose frames are broken: it is closed, if at all, for what it did."""
    async with connect(f"ws://127.0.0.1:{ws.port}/socket", ping_interval=None) as client:
        client.transport.write(rng.randbytes(rng.randrange(1, 400)))
        client.transport.write_eof()
        with suppress(ConnectionClosed):
            while True:
                await client.recv()
        codes = {*VIOLATIONS, 4004, 4005, 4006, 1005, 1006}
        assert client.protocol.close_rcvd is None or client.close_code in codes


@pytest.mark.parametrize("subscribe_all", [False, True])
async def test_clients_that_say_anything(backend: Backend, subscribe_all: bool) -> None:
    """Each gets what the protocol says, the others notice nothing, and nothing is left of them."""
    await show(backend, ANNA, 1)
    await show(backend, BERT, 1)
    rng = random.Random(18 + subscribe_all)
    async with (
        backend.serving(UNLIMITED, subscribe_all=subscribe_all) as ws,
        lanyard_client(ws, initialize_one(ANNA)) as calm,
    ):
        assert number_in(await init_state(calm)) == 1
        for number in range(2, CLIENTS + 2):
            await (say_anything if number % 4 else send_any_frames)(ws, rng)
            await show(backend, ANNA, number)
            shown: Json = await update(calm)
            assert number_in(shown) == number
        await eventually(lambda: ws.counters.lanyard_clients == 1)
        await eventually(lambda: [user.user_id for user in ws.hub._lanyard] == [ANNA])
        assert ws.counters.lanyard_watchers == 1
        await calm.send(msgspec.json.encode(initialize(ANNA)))
        assert len(await init_state(calm)) == 1
