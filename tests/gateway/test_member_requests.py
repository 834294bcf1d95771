"""Member requests: within Discord's limits, and repeated until all members have come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from services.gateway.discord.member_requests import (
    MAX_OPEN_GUILDS,
    MemberRequests,
    MemberRequestTimings,
)
from testing.eventually import eventually
from testing.loop_clock import LoopClock
from tests.ended import ended

GUILD = 816976062578688017


class RecordingSender:
    """A shard that remembers what it was to send."""

    def __init__(self) -> None:
        self.is_connected = True
        self.all: list[tuple[int, str]] = []
        self.some: list[tuple[int, list[int]]] = []
        self.nonces: list[str] = []

    async def request_guild(self, guild_id: int, nonce: str) -> None:
        self.all.append((guild_id, nonce))

    async def request_users(self, guild_id: int, user_ids: list[int], nonce: str) -> None:
        assert len(nonce.encode()) <= 32
        self.some.append((guild_id, user_ids))
        self.nonces.append(nonce)


@pytest.fixture
def sender() -> RecordingSender:
    return RecordingSender()


@pytest.fixture
async def requests(sender: RecordingSender) -> AsyncIterator[MemberRequests]:
    requests = MemberRequests(sender)
    task = asyncio.create_task(requests.run())
    yield requests
    await ended(task)


def chunk(nonce: str, index: int, count: int) -> dict[str, object]:
    return {"nonce": nonce, "chunk_index": index, "chunk_count": count}


async def test_guild_is_complete_when_every_chunk_has_come(
    sender: RecordingSender, requests: MemberRequests
) -> None:
    """In any order, also twice."""
    requests.request_guild(GUILD)
    await eventually(lambda: len(sender.all) == 1)
    nonce = sender.all[0][1]
    assert not requests.handle_chunk(GUILD, chunk(nonce, 2, 3))
    assert not requests.handle_chunk(GUILD, chunk(nonce, 0, 3))
    assert not requests.handle_chunk(GUILD, chunk(nonce, 2, 3))
    assert requests.handle_chunk(GUILD, chunk(nonce, 1, 3))


async def test_chunks_of_another_request_complete_nothing(
    sender: RecordingSender, requests: MemberRequests
) -> None:
    """Requests for single users are answered by chunks as well."""
    requests.request_guild(GUILD)
    await eventually(lambda: len(sender.all) == 1)
    assert not requests.handle_chunk(GUILD, chunk("some-1", 0, 1))
    assert not requests.handle_chunk(5, chunk(sender.all[0][1], 0, 1))


async def test_two_requests_for_a_guild_are_sent_once(
    sender: RecordingSender, requests: MemberRequests
) -> None:
    """The answer to an open request serves both."""
    requests.request_guild(GUILD)
    await eventually(lambda: len(sender.all) == 1)
    requests.request_guild(GUILD)
    requests.request_member(GUILD, 7)
    await eventually(lambda: len(sender.some) == 1)
    assert len(sender.all) == 1


async def test_half_an_answer_does_not_serve_the_next_request(
    sender: RecordingSender, requests: MemberRequests
) -> None:
    """After an outage in the middle of the chunks GUILD_CREATE comes again, and all members are
    requested again."""
    requests.request_guild(GUILD)
    await eventually(lambda: len(sender.all) == 1)
    assert not requests.handle_chunk(GUILD, chunk(sender.all[0][1], 0, 2))
    requests.request_guild(GUILD)
    await eventually(lambda: len(sender.all) == 2)
    assert not requests.handle_chunk(GUILD, chunk(sender.all[0][1], 1, 2))
    assert not requests.handle_chunk(GUILD, chunk(sender.all[1][1], 0, 2))
    assert requests.handle_chunk(GUILD, chunk(sender.all[1][1], 1, 2))


async def test_rate_limited_request_is_repeated(
    sender: RecordingSender, requests: MemberRequests
) -> None:
    """After the time that Discord gives."""
    requests.request_guild(GUILD)
    await eventually(lambda: len(sender.all) == 1)
    meta = {"guild_id": str(GUILD), "nonce": sender.all[0][1]}
    requests.handle_rate_limited({"opcode": 8, "retry_after": 0.01, "meta": meta})
    await eventually(lambda: len(sender.all) == 2)
    assert requests.handle_chunk(GUILD, chunk(sender.all[1][1], 0, 1))


async def test_request_whose_chunks_stop_coming_is_repeated(clock: LoopClock) -> None:
    """A reconnect in the middle may lose them."""
    sender = RecordingSender()
    requests = MemberRequests(sender)
    task = asyncio.create_task(requests.run())
    requests.request_guild(GUILD)
    await eventually(lambda: len(sender.all) >= 2)
    assert clock.passed >= MemberRequestTimings().answer_timeout_s
    await ended(task)


async def test_few_guilds_are_requested_at_a_time(
    sender: RecordingSender, requests: MemberRequests
) -> None:
    """The next one follows when one is complete."""
    for guild_id in range(1, 8):
        requests.request_guild(guild_id)
    await eventually(lambda: len(sender.all) == MAX_OPEN_GUILDS)
    requests.request_member(GUILD, 7)
    await eventually(lambda: len(sender.some) == 1)
    assert len(sender.all) == MAX_OPEN_GUILDS
    guild_id, nonce = sender.all[0]
    assert requests.handle_chunk(guild_id, chunk(nonce, 0, 1))
    await eventually(lambda: len(sender.all) == MAX_OPEN_GUILDS + 1)


async def test_users_are_requested_by_the_hundred(
    sender: RecordingSender, requests: MemberRequests
) -> None:
    """Discord's limit for one request."""
    for user_id in range(250):
        requests.request_member(GUILD, user_id)
    await eventually(lambda: sum(len(user_ids) for _, user_ids in sender.some) == 250)
    assert max(len(user_ids) for _, user_ids in sender.some) <= 100


async def test_nothing_is_sent_while_disconnected(
    sender: RecordingSender, requests: MemberRequests
) -> None:
    """Requests are sent after the next connection."""
    sender.is_connected = False
    requests.request_guild(GUILD)
    requests.request_member(GUILD, 7)
    await asyncio.sleep(0)
    assert sender.all == []
    sender.is_connected = True
    await eventually(lambda: len(sender.all) == 1 and len(sender.some) == 1)


async def test_new_session_drops_open_requests(
    sender: RecordingSender, requests: MemberRequests
) -> None:
    """The answers would have come by the old session."""
    requests.request_guild(GUILD)
    await eventually(lambda: len(sender.all) == 1)
    requests.reset()
    assert not requests.handle_chunk(GUILD, chunk(sender.all[0][1], 0, 1))
    requests.request_guild(GUILD)
    await eventually(lambda: len(sender.all) == 2)


async def test_open_requests_of_a_lost_connection_are_repeated(
    sender: RecordingSender, requests: MemberRequests
) -> None:
    """A resume replays events, not answers."""
    requests.request_guild(GUILD)
    requests.request_member(GUILD, 7)
    await eventually(lambda: len(sender.all) == 1 and len(sender.some) == 1)
    requests.repeat_open()
    await eventually(lambda: len(sender.all) == 2 and len(sender.some) == 2)
    assert sender.some == [(GUILD, [7]), (GUILD, [7])]


async def test_answered_requests_are_not_repeated(
    sender: RecordingSender, requests: MemberRequests
) -> None:
    """Neither guilds nor users are requested again."""
    requests.request_guild(GUILD)
    requests.request_member(GUILD, 7)
    await eventually(lambda: len(sender.all) == 1 and len(sender.some) == 1)
    requests.handle_chunk(GUILD, chunk(sender.all[0][1], 0, 1))
    requests.handle_chunk(GUILD, chunk(sender.nonces[0], 0, 1))
    requests.repeat_open()
    requests.request_member(GUILD, 8)
    await eventually(lambda: len(sender.some) == 2)
    assert sender.some[1] == (GUILD, [8])
    assert len(sender.all) == 1
