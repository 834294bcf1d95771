"""`python -m bench.attacks.flood PORT ADDRESS RATE SECONDS`: handshakes of 50 unknown ids each.

Each connection stays open until there are 400, as long as the server leaves it open. ADDRESS `*`: a
new one for each handshake. Prints how the connections ended, by close code or status.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections import Counter
from contextlib import suppress
from typing import Final

import msgspec

from bench.attacks import raw_http, target

CONNECTIONS: Final = 400
IDS: Final = 50


async def main(port: int, address: str, rate: float, seconds: float) -> None:
    endings: Counter[str] = Counter()
    loop = asyncio.get_running_loop()

    async def attack() -> None:
        ids = ",".join(str(random.randrange(10**17, 10**18)) for _ in range(IDS))
        visitor = target.address() if address == "*" else address
        until = loop.time() + CONNECTIONS / rate
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            request = raw_http.get(f"/?user_id={ids}", raw_http.UPGRADE[:-2], address=visitor)
            writer.write(request)
            received = b""
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout_at(until):
                    while piece := await reader.read(65_536):
                        received += piece
            status = received[9:12].decode() or "0"
            code = raw_http.close_code(received) if status == "101" else 0
            endings[str(code or status)] += 1
        finally:
            writer.transport.abort()

    async with asyncio.TaskGroup() as attackers:
        began = loop.time()
        for number in range(int(rate * seconds)):
            await asyncio.sleep(began + number / rate - loop.time())
            attackers.create_task(attack())
    print(msgspec.json.encode(endings).decode(), flush=True)


if __name__ == "__main__":
    os.nice(10)  # visitors are measured on the same core
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], float(sys.argv[3]), float(sys.argv[4])))
