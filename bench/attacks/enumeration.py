"""One address tries out as many ids as it can over GET /users, /check and /user together."""

from __future__ import annotations

import random
import time
from typing import Final

from bench.attacks import raw_http
from bench.attacks.outcome import Outcome
from bench.attacks.target import Target, address
from services.api.endpoints.many_users import MAX_USERS

SECONDS: Final = 20.0
PER_MINUTE: Final = 1200  # API_REQUESTS_PER_MINUTE


async def run(target: Target) -> list[Outcome]:
    """Requests in turn, without a pause, until each kind is refused or the time is over."""
    attacker, chance = address(), random.Random(1)
    before, began = target.api.process.cpu(), time.monotonic()
    tested = 0
    refused: set[int] = set()
    while len(refused) < 3 and time.monotonic() - began < SECONDS:
        for kind, size in enumerate((MAX_USERS, 1, 1)):
            ids = ",".join(str(chance.randrange(10**17, 10**18)) for _ in range(size))
            path = (f"/users?ids={ids}", f"/check/{ids}", f"/user/{ids}")[kind]
            reply = await raw_http.send(target.api.port, raw_http.get(path, address=attacker))
            if reply.status == 429:
                refused.add(kind)
            else:
                tested += size
    cost = (target.api.process.cpu() - before) / tested
    name = "one address tests ids at /users, /check and /user"
    return [
        Outcome(
            attack=name,
            figure="unknown ids that were tested in a minute",
            value=tested,
            bound=2 * PER_MINUTE,  # a new minute may begin meanwhile
        ),
        Outcome(
            attack=name,
            figure="CPU of api for an id",
            value=cost * 1e6,
            unit="µs",
            bound=1000,
        ),
    ]
