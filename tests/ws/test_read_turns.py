"""Clients that say something are read in turn, a few at a time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket

import pytest

from services.ws.connection import Connection
from services.ws.limits import WsLimits
from services.ws.read_turns import ReadTurns
from testing.eventually import eventually
from tests.ws.ws_fixture import ANNA, HARMLESS, Backend, frame


class TalkativeClient:
    """Says something again each time it is read."""

    def __init__(self, turns: ReadTurns, name: str, order: list[str]) -> None:
        self._turns = turns
        self._name = name
        self._order = order
        self.held = False

    def hold(self) -> None:
        self.held = True

    def on_read_turn(self) -> None:
        self.held = False
        self._order.append(self._name)

    def say(self) -> None:
        self._turns.wait(self)


async def test_clients_take_turns() -> None:
    """However many want to be read, a turn of the event loop reads a few of them."""
    turns, order = ReadTurns(2), list[str]()
    clients = [TalkativeClient(turns, name, order) for name in "abcde"]
    for client in clients:
        client.say()
    assert all(client.held for client in clients)
    read: list[int] = []
    while any(client.held for client in clients):
        await asyncio.sleep(0)
        read.append(len(order))
    assert order == list("abcde")
    assert [number for number in read if number] == [2, 4, 5]


async def test_a_client_that_goes_on_comes_after_those_who_wait() -> None:
    """Its turn is over."""
    turns, order = ReadTurns(1), list[str]()
    first, second = (TalkativeClient(turns, name, order) for name in "ab")
    first.say()
    second.say()
    await eventually(lambda: order)
    first.say()
    await eventually(lambda: len(order) == 3)
    assert order == ["a", "b", "a"]


async def test_much_that_is_sent_at_once_is_read_in_pieces(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of each client, a few messages in a turn of the event loop: others do not wait for all."""
    pieces: list[int] = []
    read = Connection.data_received

    def data_received(self: Connection, data: bytes) -> None:
        pieces.append(len(data))
        read(self, data)

    monkeypatch.setattr(Connection, "data_received", data_received)
    await backend.show(ANNA, 1)
    async with backend.serving() as ws:
        raw = await ws.raw(ANNA)
        line = raw.writer.get_extra_info("socket")
        line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 200_000)
        client, sent = line.fileno(), 0
        with contextlib.suppress(BlockingIOError):
            for _ in range(400):  # without a turn of the event loop between them
                sent += os.write(client, frame(1, b" " * 1000 + HARMLESS.encode()))
        await eventually(lambda: sum(pieces) > sent)  # and the handshake
        assert sent > 2 * WsLimits().received_at_once
        assert max(pieces) <= 2 * WsLimits().received_at_once
        await raw.hang_up()
