"""`python -m bench.changes REDIS_URL USERS RATE`: so many of the users change each second.

It says `changing` when the first have, and goes on until its input ends or it is told to end.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from typing import Final

from bench import people
from shared.redis.store import Save, Store

TURNS: Final = 20  # a second


async def main(url: str, users: int, rate: int) -> None:
    numbers = itertools.count(1)
    async with Store.connect(url, timeout=30.0) as store:
        due = time.monotonic()
        for turn in itertools.count():
            batch = [next(numbers) for _ in range(max(1, rate // TURNS))]
            await store.save(
                [
                    Save(
                        people.FIRST + number % users,
                        people.fields(people.FIRST + number % users, number),
                    )
                    for number in batch
                ]
            )
            if turn == 0:
                print("changing", flush=True)
            due += 1 / TURNS
            await asyncio.sleep(max(0.0, due - time.monotonic()))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
