"""Anti-entropy: who is asked for, when, and what becomes of the answer."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from fakeredis import FakeAsyncRedis, FakeServer

from services.gateway import metrics
from services.gateway.discord.member_requests import KnownMember, MemberRequests
from services.gateway.discord.presence_checks import CheckTimings, PresenceChecks
from services.gateway.discord.replay_barrier import ReplayBarrier, ReplayTimings
from shared.redis import keys
from shared.redis.store import Save, Store
from shared.telemetry.metrics import total
from testing.eventually import eventually
from testing.loop_clock import LoopClock
from tests.ended import ended
from tests.gateway.gateway_fixture import GUILD, OTHER, GatewayFixture, guild, member, online

TIMINGS = CheckTimings(round_interval_s=10.0)


class RecordingShard:
    """A shard that remembers which members it was to request, and when."""

    id, count = 0, 1

    def __init__(self) -> None:
        self.is_connected = True
        self.replay = ReplayBarrier(self, ReplayTimings())
        self.sent: list[tuple[float, int, list[int]]] = []
        self.nonces: list[str] = []

    async def request_guild(self, guild_id: int, nonce: str) -> None: ...

    async def request_users(self, guild_id: int, user_ids: list[int], nonce: str) -> None:
        self.sent.append((asyncio.get_running_loop().time(), guild_id, user_ids))
        self.nonces.append(nonce)

    def request_any_member(self, nonce: str) -> bool:
        return False


class Checked:
    """A gateway whose users are in Redis, some of them watched."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.shard = RecordingShard()
        self.gateway = GatewayFixture()
        self.requests = MemberRequests(self.shard)
        self.gateway.handler._requests = self.requests
        self.checks = PresenceChecks(
            store, self.shard, self.requests, self.gateway.users, self.gateway.guilds, TIMINGS
        )

    async def has(self, guild_id: int, members: Collection[int]) -> None:
        self.gateway.handle("GUILD_CREATE", guild(guild_id, sorted(members)))
        await self.store.save([Save(user_id, joined=(guild_id,)) for user_id in members])

    async def answered(self, **more: object) -> None:
        """Discord answers the last request: user 1 is idle."""
        await eventually(lambda: self.shard.nonces)
        answer = {
            "guild_id": str(GUILD),
            "members": [member(1)],
            "presences": [online(1, "idle")],
            "chunk_index": 0,
            "chunk_count": 1,
            "nonce": self.shard.nonces[-1],
        }
        self.gateway.handle("GUILD_MEMBERS_CHUNK", {**answer, **more})


@asynccontextmanager
async def watching(server: FakeServer, user_ids: Collection[int]) -> AsyncIterator[None]:
    async with AsyncExitStack() as parts:
        redis = await parts.enter_async_context(FakeAsyncRedis(server=server, protocol=2))
        pubsub = await parts.enter_async_context(redis.pubsub())
        await pubsub.subscribe(*map(keys.presence, user_ids))
        for _ in user_ids:
            await pubsub.get_message(timeout=1.0)
        yield


@pytest.fixture
async def checked(server: FakeServer, clock: LoopClock) -> AsyncIterator[Checked]:
    """Its checks run, in simulated time."""
    async with Store(FakeAsyncRedis(server=server, protocol=2), timeout=60.0) as store:
        checked = Checked(store)
        task = asyncio.create_task(checked.checks.run())
        yield checked
        await ended(task)


async def test_watched_members_are_requested(checked: Checked, server: FakeServer) -> None:
    """The largest server first, a hundred at a time, and no faster than Discord permits."""
    await checked.has(OTHER, [1, 2, 3])
    await checked.has(GUILD, range(1000, 1400))
    async with watching(server, [2, *range(1000, 1250)]):
        while len(checked.shard.sent) < 4:
            await eventually(lambda: checked.shard.nonces)
            assert checked.requests.take_check({"nonce": checked.shard.nonces.pop()}) is not None
    sent = checked.shard.sent
    assert [(guild_id, len(ids)) for _, guild_id, ids in sent] == [
        (GUILD, 100),
        (GUILD, 100),
        (GUILD, 50),
        (OTHER, 1),
    ]
    assert {one for _, guild_id, ids in sent[:3] for one in ids} == set(range(1000, 1250))
    times = [when for when, _, _ in sent]
    assert all(
        round(later - earlier, 6) >= TIMINGS.request_interval_s  # simulated, of floats
        for earlier, later in itertools.pairwise(times)
    )


async def test_no_one_watches(checked: Checked, clock: LoopClock) -> None:
    """Then nothing is requested."""
    await checked.has(GUILD, [1, 2])
    await asyncio.sleep(5 * TIMINGS.round_interval_s)
    assert checked.shard.sent == []


@pytest.mark.parametrize("reason", ["replay", "request", "check", "disconnected"])
async def test_a_check_waits(checked: Checked, server: FakeServer, reason: str) -> None:
    """For the end of a replay, for the answers to other requests, and for a connection."""
    await checked.has(GUILD, [1])
    match reason:
        case "replay":
            checked.shard.replay.begin()
            checked.shard.replay._deadline = float("inf")
        case "request":
            checked.requests.request_member(GUILD, 2)
        case "check":
            await checked.requests.check_members(GUILD, {1: KnownMember(b"", b"")})
            assert checked.requests._check is not None
            checked.requests._check.due = float("inf")
            checked.shard.sent.clear()
        case "disconnected":
            checked.shard.is_connected = False
    async with watching(server, [1]):
        await asyncio.sleep(3 * TIMINGS.round_interval_s)
        assert checked.shard.sent == []
        checked.shard.replay.end()
        checked.requests.reset()
        checked.shard.is_connected = True
        await eventually(lambda: checked.shard.sent)


async def test_a_lost_check_holds_nothing_up(checked: Checked, server: FakeServer) -> None:
    """It is not repeated, and the next round asks again."""
    await checked.has(GUILD, [1])
    async with watching(server, [1]):
        await eventually(lambda: len(checked.shard.sent) >= 2)


async def test_a_difference_is_corrected_and_counted(checked: Checked, server: FakeServer) -> None:
    """Discord has sent no event of user 1, who is idle now."""
    await checked.has(GUILD, [1])
    compared, differed = total(metrics.PRESENCES_CHECKED), total(metrics.PRESENCES_DIFFERED)
    async with watching(server, [1]):
        await checked.answered()
        assert checked.gateway.shown(1)["status"] == "idle"
        await eventually(lambda: len(checked.shard.sent) >= 2)
        await checked.answered()
    assert total(metrics.PRESENCES_CHECKED) == compared + 2
    assert total(metrics.PRESENCES_DIFFERED) == differed + 1


async def test_an_event_since_the_request_is_newer(checked: Checked, server: FakeServer) -> None:
    """The answer may show the state before it: it is not applied, and counts as no difference."""
    await checked.has(GUILD, [1])
    differed = total(metrics.PRESENCES_DIFFERED)
    async with watching(server, [1]):
        await eventually(lambda: checked.shard.sent)
        event = {**online(1, "dnd"), "guild_id": str(GUILD)}
        checked.gateway.handle("PRESENCE_UPDATE", event)
        await checked.answered()
    assert checked.gateway.shown(1)["status"] == "dnd"
    assert total(metrics.PRESENCES_DIFFERED) == differed


async def test_a_member_who_left_without_an_event(checked: Checked, server: FakeServer) -> None:
    """Discord does not find them: they are removed, which is a difference too."""
    await checked.has(GUILD, [1])
    differed = total(metrics.PRESENCES_DIFFERED)
    async with watching(server, [1]):
        await checked.answered(members=[], presences=[], not_found=["1"])
    assert checked.gateway.users.get(1) is None
    assert total(metrics.PRESENCES_DIFFERED) == differed + 1


async def test_who_has_left_since_the_request_does_not_come_back(
    checked: Checked, server: FakeServer
) -> None:
    """Another server shows the user as before, so that what is shown of them is the same."""
    for guild_id in (OTHER, GUILD):
        await checked.has(guild_id, [1])
    async with watching(server, [1]):
        await eventually(lambda: checked.shard.sent)
        asked = checked.shard.sent[-1][1]
        gone = {"guild_id": str(asked), "user": {"id": "1"}}
        checked.gateway.handle("GUILD_MEMBER_REMOVE", gone)
        await checked.answered(guild_id=str(asked))
    cached = checked.gateway.users.get(1)
    assert cached is not None
    assert asked not in cached.guilds


async def test_who_is_back_since_the_request_is_not_removed(
    checked: Checked, server: FakeServer
) -> None:
    await checked.has(GUILD, [1])
    async with watching(server, [1]):
        await eventually(lambda: checked.shard.sent)
        for name in ("GUILD_MEMBER_REMOVE", "GUILD_MEMBER_ADD"):
            checked.gateway.handle(name, {**member(1), "guild_id": str(GUILD)})
        await checked.answered(members=[], presences=[], not_found=["1"])
    assert checked.gateway.users.get(1) is not None


async def test_what_the_server_has_reported_since_the_request_is_newer(
    checked: Checked, server: FakeServer
) -> None:
    """Also where nothing else is shown of the user than before: another server is ahead."""
    for guild_id in (OTHER, GUILD):
        await checked.has(guild_id, [1])
    async with watching(server, [1]):
        event = online(1, "dnd")
        checked.gateway.handle("PRESENCE_UPDATE", {**event, "guild_id": str(OTHER)})
        await eventually(lambda: checked.shard.sent)
        shown = checked.gateway.shown(1)
        await eventually(lambda: checked.shard.sent[-1][1] == GUILD)
        checked.gateway.handle("PRESENCE_UPDATE", {**event, "guild_id": str(GUILD)})
        assert checked.gateway.shown(1) == shown
        await checked.answered()
    cached = checked.gateway.users.get(1)
    assert cached is not None
    assert cached.merged is None  # both show "dnd"
