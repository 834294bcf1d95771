"""Rate limits are kept: the server counts, and rejects requests that come too early."""

from __future__ import annotations

import asyncio
import time

import pytest

from shared.profiles.sources.source import SourceFailed
from testing.eventually import PATIENCE
from tests.shared.profiles.profile_server import ProfileServer, Reply, discord, json

USER = 161092844126208001
OBJECT = {"id": str(USER)}
WINDOW = 0.1  # seconds


class Bucket:
    """A number of requests per window, as Discord counts them; the rest are rejected."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._used = 0
        self._resets_at = 0.0
        self.refused = 0

    def reply(self, _path: str) -> Reply:
        now = time.monotonic()
        if now >= self._resets_at:
            self._used, self._resets_at = 0, now + WINDOW
        after = f"{self._resets_at - now:.6f}"
        if self._used == self._limit:
            self.refused += 1
            return json({}, status=429, Retry_After=after)
        self._used += 1
        left = str(self._limit - self._used)
        return json(OBJECT, X_RateLimit_Remaining=left, X_RateLimit_Reset_After=after)


@pytest.mark.parametrize("limit", [1, 3, 30])
async def test_no_request_is_one_too_many(limit: int) -> None:
    """Many requests at once are answered over several windows, and none is rejected."""
    bucket = Bucket(limit)
    server = ProfileServer(bucket.reply)
    questions = min(3 * limit, 40) + 1
    async with discord(server) as source, asyncio.timeout(PATIENCE):
        await asyncio.gather(*(source.fetch(USER) for _ in range(questions)))
    assert bucket.refused == 0
    assert len(server.paths) == questions


async def test_a_429_is_waited_for() -> None:
    """Other software may use up the same limit: the request is repeated, in time."""
    bucket = Bucket(1)
    bucket.reply("")  # another process of the same bot
    server = ProfileServer(bucket.reply)
    async with discord(server) as source, asyncio.timeout(PATIENCE):
        await source.fetch(USER)
    assert bucket.refused == 1
    assert len(server.paths) == 2


@pytest.mark.parametrize(
    "headers",
    [
        {"Retry_After": "3600", "X_RateLimit_Global": "true", "X_RateLimit_Scope": "global"},
        {"Retry_After": "3600.5", "X_RateLimit_Remaining": "0", "X_RateLimit_Reset_After": "1"},
        {"Retry_After": "0.1", "X_RateLimit_Remaining": "0", "X_RateLimit_Reset_After": "3600"},
        {"Retry_After": "inf"},
    ],
)
async def test_nothing_is_sent_during_a_long_pause(headers: dict[str, str]) -> None:
    """While the server asks for a longer pause than MAX_WAIT_S, requests fail."""
    server = ProfileServer(lambda _: json({}, status=429, **headers))
    async with discord(server) as source, asyncio.timeout(PATIENCE):
        for _ in range(5):
            with pytest.raises(SourceFailed, match="rate limit is used up"):
                await source.fetch(USER)
    assert len(server.paths) == 1


async def test_a_used_up_limit_is_known_before_the_server_says_429() -> None:
    """Remaining 0 is enough: the next request waits for the reset, or fails if that is far."""
    server = ProfileServer(
        lambda _: json(OBJECT, X_RateLimit_Remaining="0", X_RateLimit_Reset_After="3600")
    )
    async with discord(server) as source, asyncio.timeout(PATIENCE):
        await source.fetch(USER)
        with pytest.raises(SourceFailed, match="rate limit is used up"):
            await source.fetch(USER)
    assert len(server.paths) == 1


@pytest.mark.parametrize("nonsense", ["", "nan", "-1", "soon", "1e400"])
async def test_headers_that_make_no_sense_stop_no_request(nonsense: str) -> None:
    """A limit that cannot be read is no limit, or one that a later answer corrects."""
    server = ProfileServer(
        lambda _: json(OBJECT, X_RateLimit_Remaining=nonsense, X_RateLimit_Reset_After=nonsense)
    )
    async with discord(server) as source, asyncio.timeout(PATIENCE):
        await asyncio.gather(*(source.fetch(USER) for _ in range(20)))
    assert len(server.paths) == 20


async def test_lost_answers_do_not_end_the_questions() -> None:
    """After a failure without headers the next request is sent."""
    server = ProfileServer(lambda _: None)
    async with discord(server) as source, asyncio.timeout(PATIENCE):
        for _ in range(2):
            with pytest.raises(SourceFailed, match="cannot be reached"):
                await source.fetch(USER)
            server.reply = lambda _: json(OBJECT)
            await source.fetch(USER)
            server.reply = lambda _: None
