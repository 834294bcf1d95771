"""What ws and api hold in memory while they are attacked.

Each attack is run against a process of its own, beside a well-behaved client
(bench/attacks/witness.py), which has to be served all the while.

Long because it is one table of attackers, and what they send.
"""

from __future__ import annotations

import asyncio
import random
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Final

import msgspec
from msgspec import Struct

from bench import people
from bench.attacks.outcome import Outcome
from bench.attacks.variants import say
from bench.attacks.witness import Seen
from bench.child import BenchProcess
from bench.harness import Harness, Redis
from testing.free_port import free_port

SECONDS: Final = 12.0
AFTERWARDS: Final = 12.0  # longer than anyone is waited for
LOOK_EVERY: Final = 0.25
MANY: Final = 6000  # sockets
SOME: Final = 200
USERS: Final = 200  # the well-behaved client watches one after another
AHEAD: Final = 20  # different ones: attackers are to cost less than what they do
MEGABYTE: Final = 1024 * 1024
MOST_MB: Final = 256

UPGRADE: Final = (
    b"Host: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
WATCH: Final = b"GET /?user_id=%d HTTP/1.1\r\n" % people.FIRST + UPGRADE
FOLLOW: Final = b"GET /events?user_id=%d HTTP/1.1\r\nHost: x\r\n\r\n" % people.FIRST
CHOOSE: Final = b"GET /?user_id= HTTP/1.1\r\n" + UPGRADE
PING: Final = b"\x89\x84\0\0\0\0ping"
READ: Final = b"GET /user/%d HTTP/1.1\r\nHost: x\r\n\r\n" % people.FIRST

_NEW_ROUTES: Final = (b"check", b"now-playing", b"history", b"overlay", b"embed", b"u")

Attack = Callable[[int], Awaitable[None]]
"""One attacker against this port: from connecting to giving up."""


class Course(Struct, frozen=True):
    """Memory in bytes, time in seconds."""

    before: int
    most: int
    after: int
    seen: Seen  # by the well-behaved client


async def _connect(port: int) -> socket.socket:
    """A socket that takes in little before it is read."""
    line = socket.socket()
    line.setblocking(False)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    await asyncio.get_running_loop().sock_connect(line, ("127.0.0.1", port))
    return line


def says(*pieces: bytes, again: bytes = b"", every: float = 1.0) -> Attack:
    """Sends these, then `again` now and then, and never reads."""

    async def attack(port: int) -> None:
        loop = asyncio.get_running_loop()
        with await _connect(port) as line:
            for piece in pieces:
                await loop.sock_sendall(line, piece)
            while True:
                await asyncio.sleep(every)
                if again:
                    await loop.sock_sendall(line, again)

    return attack


def keeps(made: Callable[[random.Random], bytes], *first: bytes) -> Attack:
    """Sends what is made, reads whatever comes, and begins anew when it is thrown out."""

    async def attack(port: int) -> None:
        chance = random.Random(port)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            for piece in first:
                writer.write(piece)
            while not reader.at_eof():
                writer.write(made(chance))
                await writer.drain()
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.05):
                        await reader.read(65_536)
        finally:
            writer.transport.abort()

    return attack


def writes_ahead() -> Attack:
    """Sends all messages of a minute at once, and begins anew when it is thrown out."""
    ahead: list[bytes] = []

    async def attack(port: int) -> None:
        if len(ahead) < AHEAD:
            ids = [[str(random.randrange(10**17, 10**18)) for _ in range(50)] for _ in range(60)]
            ops = ("subscribe", "unsubscribe")
            changes = [say({"op": op, "user_ids": some}) for some in ids for op in ops]
            ahead.append(CHOOSE + b"".join(changes))
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(random.choice(ahead))
            with suppress(TimeoutError):
                async with asyncio.timeout(SECONDS / 2):
                    while await reader.read(65_536):
                        pass
        finally:
            writer.transport.abort()

    return attack


def _strangers(chance: random.Random) -> bytes:
    return b"GET /user/%d HTTP/1.1\r\nHost: x\r\n\r\n" % chance.randrange(10**17, 10**18) * 8


def _many_strangers(chance: random.Random) -> bytes:
    ids = b",".join(b"%d" % chance.randrange(10**17, 10**18) for _ in range(50))
    return b"GET /users?ids=%b HTTP/1.1\r\nHost: x\r\n\r\n" % ids


def _new_routes(chance: random.Random) -> bytes:
    """Each with another stranger, and a text where an id belongs."""
    paths = [b"/%b/%d" % (name, chance.randrange(10**17, 10**18)) for name in _NEW_ROUTES]
    paths.append(b"/check/" + b"https://x/" * 2_000)
    return b"".join(b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % path for path in paths)


def _stream_of_strangers(chance: random.Random) -> bytes:
    users = b",".join(b"%d" % chance.randrange(10**17, 10**18) for _ in range(50))
    return b"GET /events?user_id=%b HTTP/1.1\r\nHost: x\r\n\r\n" % users


def _subscriptions(chance: random.Random) -> bytes:
    """One message of a client that changes what it watches: RFC 6455, 5.2, with a mask of zeros."""
    op = chance.choice([b"subscribe", b"unsubscribe"])
    users = b",".join(b'"%d"' % chance.randrange(10**17, 10**18) for _ in range(50))
    text = b'{"op":"%b","user_ids":[%b]}' % (op, users)
    return b"\x81\xfe" + len(text).to_bytes(2, "big") + b"\0\0\0\0" + text


def _watch_strangers(chance: random.Random) -> bytes:
    users = b",".join(b"%d" % chance.randrange(10**17, 10**18) for _ in range(50))
    return b"GET /?user_id=%b HTTP/1.1\r\n" % users + UPGRADE


_STRANGERS: Final = [str(10**17 + number) for number in range(50)]
_CHANGES: Final = b"".join(
    say({"op": op, "user_ids": _STRANGERS}) for op in ("subscribe", "unsubscribe")
)

ATTACKS: Final[dict[str, dict[str, tuple[int, Attack]]]] = {
    "ws": {
        "clients that never read, 100 changes a second": (1000, says(WATCH)),
        "event streams that are never read, 100 changes a second": (MANY, says(FOLLOW)),
        "event streams, slow heads of 30 KB": (
            MANY,
            says(b"GET /events?user_id=1 HTTP/1.1\r\nX: " + b"x" * 30_000, again=b"x"),
        ),
        "event streams that are sent garbage": (
            SOME,
            keeps(lambda chance: chance.randbytes(2000), FOLLOW),
        ),
        "clients that ping and never read": (
            SOME,
            says(WATCH, again=b"\x89\x84\0\0\0\0ping" * 100),
        ),
        "subscribers of strangers that read no answer": (SOME, says(CHOOSE, again=_CHANGES * 2)),
        "half-open handshakes of 30 KB": (MANY, says(b"GET / HTTP/1.1\r\nX: " + b"x" * 30_000)),
        "garbage frames": (SOME, keeps(lambda chance: chance.randbytes(2000), WATCH)),
        "headers and addresses of 60 KB": (
            SOME,
            keeps(lambda _: b"GET /" + b"x" * 30_000 + b" HTTP/1.1\r\nX: " + b"x" * 30_000),
        ),
        "50 strangers a connection": (SOME, keeps(_watch_strangers)),
        "50 strangers an event stream": (SOME, keeps(_stream_of_strangers)),
        "subscriptions that change": (SOME, keeps(_subscriptions, CHOOSE)),
        "a minute's messages in one write": (SOME, writes_ahead()),
    },
    "api": {
        "half-open requests of 30 KB": (MANY, says(b"GET / HTTP/1.1\r\nX: " + b"x" * 30_000)),
        "half-open requests, a byte a second": (MANY, says(b"GET / HTTP/1.1\r\nX: ", again=b"x")),
        "clients that ask 16 times and never read": (1000, says(READ * 16, again=READ)),
        "garbage": (SOME, keeps(lambda chance: chance.randbytes(2000))),
        "headers and addresses of 60 KB": (
            SOME,
            keeps(lambda _: b"GET /" + b"x" * 30_000 + b" HTTP/1.1\r\nX: " + b"x" * 30_000),
        ),
        "strangers, as fast as it goes": (SOME, keeps(_strangers)),
        "50 strangers a request": (SOME, keeps(_many_strangers)),
        "newer routes, as fast as it goes": (SOME, keeps(_new_routes)),
        "one user, as fast as it goes": (SOME, keeps(lambda _: READ * 16)),
    },
}


async def _again_and_again(attack: Attack, port: int) -> None:
    while True:
        with suppress(OSError, EOFError):
            await attack(port)
        await asyncio.sleep(0.1)


async def _change(redis: Redis) -> None:
    for number in range(1_000_000):
        await people.change(redis.store, people.FIRST, number)
        await asyncio.sleep(0.01)


async def _most(process: BenchProcess, seconds: float) -> int:
    most, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        most = max(most, process.memory())
        await asyncio.sleep(LOOK_EVERY)
    return most


async def _under(
    harness: Harness, redis: Redis, service: str, number: int, attack: Attack
) -> Course:
    port = free_port()
    setting = {f"{service.upper()}_PORT": str(port)}
    async with (
        harness.service(service, redis, **setting) as process,
        harness.module("bench.attacks.witness", service, port, USERS) as witness,
    ):
        changing = asyncio.create_task(_change(redis))
        await asyncio.sleep(2)
        before = process.memory()
        attackers = [asyncio.create_task(_again_and_again(attack, port)) for _ in range(number)]
        most = await _most(process, SECONDS)
        for task in attackers:
            task.cancel()
        await asyncio.gather(*attackers, return_exceptions=True)
        await _most(process, AFTERWARDS)
        after = process.memory()
        if changing.done():
            changing.result()
        changing.cancel()
        await asyncio.gather(changing, return_exceptions=True)
        seen = msgspec.convert(await witness.ask("end"), Seen)
    return Course(before, most, after, seen)


def attacks(harness: Harness) -> dict[str, Callable[[], Awaitable[list[Outcome]]]]:
    """Each by its name."""
    return {
        f"{service}: {name}": partial(_outcomes, harness, service, name, number, attack)
        for service, attacks in ATTACKS.items()
        for name, (number, attack) in attacks.items()
    }


async def _outcomes(
    harness: Harness, service: str, name: str, number: int, attack: Attack
) -> list[Outcome]:
    async with harness.redis() as redis:
        await people.admit(redis.store, USERS)
        found = await _under(harness, redis, service, number, attack)
    shown = f"{service}: {number} x {name}"
    before, after = found.before / MEGABYTE, found.after / MEGABYTE
    return [
        Outcome(
            attack=shown,
            figure=f"memory at most (before: {before:.0f}, after: {after:.0f})",
            value=found.most / MEGABYTE,
            unit="MB",
            bound=MOST_MB,
        ),
        Outcome(
            attack=shown,
            figure="slowest answer to another",
            value=max(found.seen.waits, default=float("inf")),
            unit="s",
            bound=10,
        ),
        Outcome(
            attack=shown,
            figure="answers to it that were refusals"
            + (f" ({found.seen.refusals[0]})" if found.seen.refusals else ""),
            value=len(found.seen.refusals),
            bound=0,
        ),
    ]
