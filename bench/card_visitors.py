"""`python -m bench.card_visitors PORT CONNECTIONS USERS`: requests cards without a pause.

Each request has options of its own, so none is answered from memory. Prints a line as soon as every
connection has had a response.
"""

from __future__ import annotations

import asyncio
import itertools
import sys

from bench import people


async def main(port: int, connections: int, users: int) -> None:
    """Until it is ended."""
    numbers = itertools.count()
    served = asyncio.Semaphore(0)

    async def visit() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number in numbers:
            path = f"/card/{people.FIRST + number % users}.svg?accent={number % 0x1000000:06x}"
            writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length))
            served.release()

    async with asyncio.TaskGroup() as visits:
        for _ in range(connections):
            visits.create_task(visit())
        for _ in range(connections):
            await served.acquire()
        print("visiting", flush=True)


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:])))
