"""Readers of the REST API, one for each replica, all the time."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import Any, Final

import aiohttp
import msgspec

from chaos.facts import Seen, Who, seen_in, who_in
from chaos.history import History, Place

_EVERY: Final = 0.02  # seconds
_WITHIN: Final = 15.0  # seconds: an answer that takes longer than any fault is no answer
_EXPECTED: Final = {200, 404, 503}

Answer = tuple[Seen, Who] | int
"""What a replica shows of a user, or the status that it gives instead; 0: nobody answers."""


class Replica:
    """One api process, asked over HTTP."""

    def __init__(self, name: str, port: int, http: aiohttp.ClientSession, history: History) -> None:
        self.name = name
        self.statuses: Counter[int] = Counter()
        self.wrong: list[str] = []
        self._url = f"http://127.0.0.1:{port}/user/"
        self._http = http
        self._history = history

    async def ask(self, user_id: str) -> Answer:
        """What is shown of the user now."""
        try:
            async with (
                asyncio.timeout(_WITHIN),
                self._http.get(f"{self._url}{user_id}") as answer,
            ):
                body = await answer.read()
                status = answer.status
        except TimeoutError:
            self.wrong.append(f"{self.name} did not answer within {_WITHIN:.0f} s")
            return 0
        except aiohttp.ClientError:
            return 0
        self.statuses[status] += 1
        if status not in _EXPECTED:
            self.wrong.append(f"{self.name} answered {status}: {body[:200]!r}")
        return self._read(user_id, body) if status == 200 else status

    def _read(self, user_id: str, body: bytes) -> Answer:
        try:
            data: dict[str, Any] = msgspec.json.decode(body)["data"]
            seen, who = seen_in(data), who_in(data["profile"])
        except (msgspec.DecodeError, LookupError, TypeError) as error:
            self.wrong.append(f"{self.name} gave another shape: {error!r}: {body[:200]!r}")
            return 0
        problem = Place().moves_to(self._history, user_id, seen, who)
        if problem:
            self.wrong.append(f"{self.name} {user_id} {problem}")
        return seen, who

    async def poll(self, seed: int) -> None:
        """Ask about anybody, until cancelled."""
        rng = random.Random(seed)
        ids = sorted(self._history.names)
        while True:
            await self.ask(rng.choice(ids))
            await asyncio.sleep(_EVERY)
