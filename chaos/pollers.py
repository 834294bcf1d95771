"""Readers of the REST API, one for each replica, all the time."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, defaultdict
from typing import Any, Final

import aiohttp
import msgspec

from chaos.facts import Seen, Who, seen_in, who_in
from chaos.history import History
from chaos.latency_check import Latency
from chaos.position import Position
from chaos.privacy_check import shown_in
from chaos.rollback_tracker import RollbackTracker

_EVERY: Final = 0.02  # seconds
_LOOKS_BACK: Final = 0.2  # share of the requests: for the past of a person who hides it
_WITHIN: Final = 15.0  # seconds: an answer that takes longer than any fault is no answer
_OK: Final = 200
_AWAY: Final = 503
_EXPECTED: Final = {_OK, 404, _AWAY}

Answer = tuple[Seen, Who] | int
"""What a replica shows of a user, or the status that it gives instead; 0: no answer."""


class Replica:
    """One api process, asked over HTTP."""

    def __init__(
        self,
        name: str,
        port: int,
        http: aiohttp.ClientSession,
        history: History,
        rollbacks: RollbackTracker,
    ) -> None:
        self.name = name
        self.statuses: Counter[int] = Counter()
        self.latencies: list[Latency] = []
        self.wrong: list[str] = []
        self._url = f"http://127.0.0.1:{port}"
        self._http = http
        self._history = history
        self._setbacks = rollbacks
        self._places: defaultdict[str, Position] = defaultdict(Position)
        self._shown: Counter[str] = Counter()  # answers, by user

    async def ask(self, user_id: str) -> Answer:
        """What is shown of the user now."""
        asked, shown = time.monotonic(), self._shown[user_id]
        status, body = await self._get(f"/user/{user_id}")
        if status != _OK:
            return status
        # Where two requests for one user are in flight at once, it is unknown which answer is
        # the newer one: then it has only to be true.
        alone = self._shown[user_id] == shown
        place = self._places[user_id] if alone else Position()
        return self.read(user_id, body, place, asked)

    async def look_back(self, user_id: str) -> None:
        """What is shown of the user's past is only what they keep, and do not hide."""
        privacy, asked = self._history.privacy, time.monotonic()
        status, body = await self._get(f"/history/{user_id}")
        if status == _OK:
            past = msgspec.json.decode(body)["data"]
            privacy.look(self.name, self.name, user_id, None, None, asked, shown=shown_in(past))
            privacy.look_at_history(self.name, user_id, past["recent"], asked)
        asked = time.monotonic()
        status, body = await self._get(f"/now-playing/{user_id}")
        if status == _OK:
            found = shown_in(msgspec.json.decode(body)["data"])
            privacy.look(self.name, self.name, user_id, None, None, asked, shown=found)

    async def _get(self, path: str) -> tuple[int, bytes]:
        """Status and body; 0 where no answer came."""
        asked = time.monotonic()
        try:
            async with asyncio.timeout(_WITHIN), self._http.get(f"{self._url}{path}") as answer:
                status, body = answer.status, await answer.read()
        except (TimeoutError, aiohttp.ClientError) as error:
            self.latencies.append(Latency(asked, time.monotonic(), repr(error)))
            return 0, b""
        self.latencies.append(Latency(asked, time.monotonic()))
        self.statuses[status] += 1
        if status not in _EXPECTED:
            self.wrong.append(f"{self.name} answered {status}: {body[:200]!r}")
        if status == _AWAY and "Retry-After" not in answer.headers:
            self.wrong.append(f"{self.name} answered {status} without Retry-After: {body[:200]!r}")
        return status, body

    def read(self, user_id: str, body: bytes, place: Position, asked: float) -> Answer:
        """An answer with status 200; `place`: how far this process had come with the user; `asked`:
        when the request was sent.

        A process that was started anew goes on there, as it reads from the same Redis; one that
        was emptied is written from what the gateway knows, which is never older.
        """
        try:
            data: dict[str, Any] = msgspec.json.decode(body)["data"]
            seen, who = seen_in(data), who_in(data["profile"])
        except (msgspec.DecodeError, LookupError, TypeError) as error:
            self.wrong.append(f"{self.name} gave another shape: {error!r}: {body[:200]!r}")
            return 0
        self._shown[user_id] += 1
        found = shown_in(data) | shown_in(data["profile"])
        self._history.privacy.look(self.name, self.name, user_id, seen, who, asked, shown=found)
        problem = place.moves_to(
            self._history,
            user_id,
            seen,
            who,
            self._setbacks.now(),
            is_incomplete=self._setbacks.is_incomplete(),
        )
        if problem:
            self.wrong.append(f"{self.name} {user_id} {problem}")
        return seen, who

    async def poll(self, seed: int) -> None:
        """Request random users, until cancelled."""
        rng = random.Random(seed)
        ids = sorted(self._history.names)
        while True:
            await self.ask(rng.choice(ids))
            hidden = self._history.privacy.hidden_users()
            if hidden and rng.random() < _LOOKS_BACK:
                await self.look_back(rng.choice(hidden))
            await asyncio.sleep(_EVERY)
