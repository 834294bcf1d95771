"""`python -m bench.attacks.witness SERVICE PORT USERS`: a well-behaved client of ws or api.

Connects four times a second, each time for another of the users, until its input says `end`. It is
a process of its own: it waits for the service, not for the attackers.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Final

import msgspec
from msgspec import Struct

from bench import people
from bench.attacks import raw_http

EVERY_S: Final = 0.25
PATIENCE_S: Final = 30.0


class Seen(Struct):
    """Times are in seconds."""

    waits: list[float]
    refusals: list[str]


async def main(service: str, port: int, users: int) -> None:
    seen = Seen([], [])
    visiting = asyncio.create_task(_visit(service, port, users, seen))
    while (await asyncio.to_thread(sys.stdin.readline)).strip() != "end":
        pass
    visiting.cancel()
    print(msgspec.json.encode(seen).decode(), flush=True)


async def _visit(service: str, port: int, users: int, seen: Seen) -> None:
    for number in range(1_000_000):
        user_id = people.FIRST + number % users
        began = time.monotonic()
        try:
            async with asyncio.timeout(PATIENCE_S):
                problem = await (_watch if service == "ws" else _read)(port, user_id)
        except (OSError, EOFError, TimeoutError) as error:
            problem = type(error).__name__
        if problem:
            seen.refusals.append(problem)
        seen.waits.append(time.monotonic() - began)
        await asyncio.sleep(EVERY_S)


async def _watch(port: int, user_id: int) -> str:
    """Return what came instead of `initial_data`."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(raw_http.get(f"/?user_id={user_id}", raw_http.UPGRADE[:-2]))
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101"):
            return head[9:40].decode()
        received = b""
        while b'"op":"initial_data"' not in received:
            if not (piece := await reader.read(65_536)):
                return received[-60:].decode(errors="replace") or "closed"
            received += piece
        return ""
    finally:
        writer.transport.abort()


async def _read(port: int, user_id: int) -> str:
    reply = await raw_http.send(port, raw_http.get(f"/user/{user_id}"))
    return "" if reply.status == 200 else str(reply.status)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
