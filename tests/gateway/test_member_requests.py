"""Asking for members: in Discord's pace, until everybody has come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from services.gateway.discord import member_requests
from services.gateway.discord.member_requests import MemberRequests
from testing.eventually import eventually
from tests.ended import ended

GUILD = 816976062578688017


class Line:
    """A shard that remembers what it was told to send."""

    def __init__(self) -> None:
        self.is_connected = True
        self.all: list[tuple[int, str]] = []
        self.some: list[tuple[int, list[int]]] = []
        self.nonces: list[str] = []

    async def ask_for_all(self, guild_id: int, nonce: str) -> None:
        self.all.append((guild_id, nonce))

    async def ask_for(self, guild_id: int, user_ids: list[int], nonce: str) -> None:
        assert len(nonce.encode()) <= 32
        self.some.append((guild_id, user_ids))
        self.nonces.append(nonce)


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
async def requests(line: Line) -> AsyncIterator[MemberRequests]:
    requests = MemberRequests(line)
    task = asyncio.create_task(requests.run())
    yield requests
    await ended(task)


def chunk(nonce: str, index: int, count: int) -> dict[str, object]:
    return {"nonce": nonce, "chunk_index": index, "chunk_count": count}


async def test_guild_is_complete_when_every_chunk_has_come(
    line: Line, requests: MemberRequests
) -> None:
    """In any order, also twice."""
    requests.whole(GUILD)
    await eventually(lambda: len(line.all) == 1)
    nonce = line.all[0][1]
    assert not requests.chunk(GUILD, chunk(nonce, 2, 3))
    assert not requests.chunk(GUILD, chunk(nonce, 0, 3))
    assert not requests.chunk(GUILD, chunk(nonce, 2, 3))
    assert requests.chunk(GUILD, chunk(nonce, 1, 3))


async def test_chunks_of_another_request_complete_nothing(
    line: Line, requests: MemberRequests
) -> None:
    """Single users are answered by chunks as well."""
    requests.whole(GUILD)
    await eventually(lambda: len(line.all) == 1)
    assert not requests.chunk(GUILD, chunk("some-1", 0, 1))
    assert not requests.chunk(5, chunk(line.all[0][1], 0, 1))


async def test_asking_twice_asks_once(line: Line, requests: MemberRequests) -> None:
    """A request that is under way answers both."""
    requests.whole(GUILD)
    await eventually(lambda: len(line.all) == 1)
    requests.whole(GUILD)
    requests.user(GUILD, 7)
    await eventually(lambda: len(line.some) == 1)
    assert len(line.all) == 1


async def test_half_an_answer_does_not_answer_the_next_question(
    line: Line, requests: MemberRequests
) -> None:
    """An outage in the middle of the chunks: the guild is shown anew, and its members are asked
    for from the first to the last."""
    requests.whole(GUILD)
    await eventually(lambda: len(line.all) == 1)
    assert not requests.chunk(GUILD, chunk(line.all[0][1], 0, 2))
    requests.whole(GUILD)
    await eventually(lambda: len(line.all) == 2)
    assert not requests.chunk(GUILD, chunk(line.all[0][1], 1, 2))
    assert not requests.chunk(GUILD, chunk(line.all[1][1], 0, 2))
    assert requests.chunk(GUILD, chunk(line.all[1][1], 1, 2))


async def test_rate_limited_request_is_repeated(line: Line, requests: MemberRequests) -> None:
    """After as long as Discord says."""
    requests.whole(GUILD)
    await eventually(lambda: len(line.all) == 1)
    meta = {"guild_id": str(GUILD), "nonce": line.all[0][1]}
    requests.rate_limited({"opcode": 8, "retry_after": 0.01, "meta": meta})
    await eventually(lambda: len(line.all) == 2)
    assert requests.chunk(GUILD, chunk(line.all[1][1], 0, 1))


async def test_request_whose_chunks_stop_coming_is_repeated(
    line: Line, requests: MemberRequests, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reconnect in the middle may lose them."""
    monkeypatch.setattr(member_requests, "SILENCE", 0.01)
    requests.whole(GUILD)
    await eventually(lambda: len(line.all) >= 2)


async def test_few_guilds_are_asked_for_at_once(line: Line, requests: MemberRequests) -> None:
    """The next one follows when one is complete."""
    for guild_id in range(1, 8):
        requests.whole(guild_id)
    await eventually(lambda: len(line.all) == member_requests.AT_ONCE)
    requests.user(GUILD, 7)
    await eventually(lambda: len(line.some) == 1)
    assert len(line.all) == member_requests.AT_ONCE
    guild_id, nonce = line.all[0]
    assert requests.chunk(guild_id, chunk(nonce, 0, 1))
    await eventually(lambda: len(line.all) == member_requests.AT_ONCE + 1)


async def test_users_are_asked_for_by_the_hundred(line: Line, requests: MemberRequests) -> None:
    """Discord's limit for one request."""
    for user_id in range(250):
        requests.user(GUILD, user_id)
    await eventually(lambda: sum(len(user_ids) for _, user_ids in line.some) == 250)
    assert max(len(user_ids) for _, user_ids in line.some) <= 100


async def test_nothing_is_sent_while_disconnected(line: Line, requests: MemberRequests) -> None:
    """It is sent when the connection stands again."""
    line.is_connected = False
    requests.whole(GUILD)
    requests.user(GUILD, 7)
    await asyncio.sleep(0)
    assert line.all == []
    line.is_connected = True
    await eventually(lambda: len(line.all) == 1 and len(line.some) == 1)


async def test_new_session_forgets_what_was_asked(line: Line, requests: MemberRequests) -> None:
    """The answers would have come by the old one."""
    requests.whole(GUILD)
    await eventually(lambda: len(line.all) == 1)
    requests.reset()
    assert not requests.chunk(GUILD, chunk(line.all[0][1], 0, 1))
    requests.whole(GUILD)
    await eventually(lambda: len(line.all) == 2)


async def test_what_a_lost_connection_was_asked_is_asked_again(
    line: Line, requests: MemberRequests
) -> None:
    """A resume replays events, not answers."""
    requests.whole(GUILD)
    requests.user(GUILD, 7)
    await eventually(lambda: len(line.all) == 1 and len(line.some) == 1)
    requests.resumed()
    await eventually(lambda: len(line.all) == 2 and len(line.some) == 2)
    assert line.some == [(GUILD, [7]), (GUILD, [7])]


async def test_what_was_answered_is_not_asked_again(line: Line, requests: MemberRequests) -> None:
    """Neither guilds nor users."""
    requests.whole(GUILD)
    requests.user(GUILD, 7)
    await eventually(lambda: len(line.all) == 1 and len(line.some) == 1)
    requests.chunk(GUILD, chunk(line.all[0][1], 0, 1))
    requests.chunk(GUILD, chunk(line.nonces[0], 0, 1))
    requests.resumed()
    requests.user(GUILD, 8)
    await eventually(lambda: len(line.some) == 2)
    assert line.some[1] == (GUILD, [8])
    assert len(line.all) == 1
