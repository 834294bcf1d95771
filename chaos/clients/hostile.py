"""Clients that no server would want: they have to be survived, not served."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import socket

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

_RUDE = (OSError, EOFError, RuntimeError, ConnectionClosed, InvalidHandshake)
_HANDSHAKE = (
    "GET /?user_id={users} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


async def never_reads(port: int, users: tuple[str, ...], rng: random.Random) -> None:
    """Asks for many users and reads nothing, pings included."""
    while True:
        with contextlib.suppress(*_RUDE):
            await _ask_and_wait(port, _HANDSHAKE.format(users=",".join(users)), 60.0)
        await asyncio.sleep(1 + rng.random())


async def half_open(port: int, users: tuple[str, ...], rng: random.Random) -> None:
    """Half a handshake, and then silence; or a whole one from a client that has vanished."""
    while True:
        request = _HANDSHAKE.format(users=users[0])
        if rng.random() < 0.5:
            request = request[: rng.randrange(1, len(request))]
        with contextlib.suppress(*_RUDE):
            await _ask_and_wait(port, request, 5 + rng.random() * 20)
        await asyncio.sleep(rng.random())


async def garbage(port: int, users: tuple[str, ...], rng: random.Random) -> None:
    """Text, binary, too much of it, broken frames, broken handshakes."""
    while True:
        with contextlib.suppress(*_RUDE):
            if rng.random() < 0.3:
                await _ask_and_wait(port, rng.randbytes(200).decode("latin-1"), 0.2)
            else:
                await _talk(port, users, rng)
        await asyncio.sleep(rng.random())


async def changes(port: int, users: tuple[str, ...], rng: random.Random) -> None:
    """Subscribes and unsubscribes without end, and reads no answer."""
    while True:
        with contextlib.suppress(*_RUDE):
            url = f"ws://127.0.0.1:{port}/?user_id="
            async with connect(url, proxy=None, compression=None, close_timeout=0.5) as connection:
                while True:
                    op = rng.choice(("subscribe", "unsubscribe"))
                    some = rng.sample(users, rng.randint(1, len(users)))
                    await connection.send(json.dumps({"op": op, "user_ids": some}))
                    await asyncio.sleep(rng.random() * 0.05)
        await asyncio.sleep(rng.random())


async def _talk(port: int, users: tuple[str, ...], rng: random.Random) -> None:
    url = f"ws://127.0.0.1:{port}/?user_id={','.join(users)}"
    async with connect(url, proxy=None, compression=None, close_timeout=0.5) as connection:
        for _ in range(rng.randrange(1, 200)):
            chance = rng.random()
            if chance < 0.45:
                await connection.send('{"op": 2, "d": {}}')
            elif chance < 0.9:
                await connection.send(rng.randbytes(rng.randrange(2000)))
            elif chance < 0.97:
                await connection.send("x" * 5000)
            else:
                connection.transport.write(rng.randbytes(50))
            await asyncio.sleep(rng.random() * 0.05)


async def _ask_and_wait(port: int, request: str, seconds: float) -> None:
    sock = socket.socket()
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(5.0):
            await loop.sock_connect(sock, ("127.0.0.1", port))
            await loop.sock_sendall(sock, request.encode("latin-1"))
        await asyncio.sleep(seconds)
    finally:
        sock.close()
