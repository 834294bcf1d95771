"""The gateway with a simulated Discord, and with each of its faults."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

from shared.model.snapshot import Snapshot
from shared.redis import keys
from shared.redis.store import Store
from simulator.gateway_session import DropHow
from testing.eventually import PATIENCE, eventually, eventually_async
from tests.e2e.stack import FIRST, REST, ROBIN, SECOND, Stack, quiet, running


async def test_bad_token_is_a_clear_error() -> None:
    """The process exits with an error: a retry would not help."""
    async with running(services=()) as stack:
        gateway = await stack.start("gateway", DISCORD_TOKEN="OTcw.not.it")
        assert await gateway.ended() == 1
        assert "DISCORD_TOKEN is wrong" in "\n".join(gateway.lines)
        assert "OTcw.not.it" not in "\n".join(gateway.lines)


async def test_no_token_is_a_clear_error() -> None:
    """The gateway by itself does not fall back to the simulator."""
    async with running(services=()) as stack:
        gateway = await stack.start("gateway", DISCORD_TOKEN="")
        assert await gateway.ended() == 2
        assert "DISCORD_TOKEN must be set" in "\n".join(gateway.lines)


async def test_large_guild_is_learned_by_chunks() -> None:
    """Including a guild of which GUILD_CREATE has only the bot itself."""
    async with running(quiet(members=2500, presence_limit=1000), services=("gateway",)) as stack:
        await _holds_all_members(stack)
        assert stack.simulator.stats.op8_ambiguous == 0


async def test_shards_share_the_guilds() -> None:
    """Two gateway processes, each with its shards, write all members together."""
    options = quiet(members=300, guilds=6, shards=4, max_concurrency=4)
    async with running(options, services=()) as stack:
        await stack.start("gateway", SHARD_COUNT="4", SHARD_IDS="0-1")
        first = stack.processes.pop("gateway")
        stack.processes["first"] = first
        await stack.start("gateway", SHARD_COUNT="4", SHARD_IDS="2,3")
        await _holds_all_members(stack)


async def test_resume_replays_what_was_missed() -> None:
    """The connection is lost, a user changes, and the session is resumed without an Identify."""
    async with running(services=REST) as stack:
        stack.simulator.drop("rst")
        stack.simulator.world.set_presence(ROBIN, "dnd", [], {"web": "dnd"})
        await stack.shows(ROBIN, lambda data: bool(data["status"] == "dnd"))
        assert stack.simulator.stats.resumes == 1
        assert stack.simulator.stats.identifies == 1


RECOVERABLE_CLOSE_CODES = (1001, 4000, 4003, 4007, 4009)
"""Close codes after which a client may reconnect, one of each kind: Discord shuts down, the
session can be resumed, hikari gives up by itself, the session is over. (events/gateway, "Gateway
Close Event Codes".)
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_stack() -> AsyncIterator[Stack]:
    async with running(services=REST) as stack:
        yield stack


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "how", ["rst", "eof", "reconnect", "invalid", "invalid_resumable", *RECOVERABLE_CLOSE_CODES]
)
async def test_redis_is_correct_after_each_end_of_a_session(
    shared_stack: Stack, how: DropHow | int
) -> None:
    """Discord ends the connection in this way or with this code, and refuses the first retries."""

    async def dropped() -> None:
        shared_stack.simulator.refuse(0.5)
        if isinstance(how, int):
            assert shared_stack.simulator.drop("close", code=how) == 1
        else:
            assert shared_stack.simulator.drop(how) == 1

    await _ends_and_comes_back(shared_stack, dropped)


async def test_redis_is_correct_after_missed_heartbeats() -> None:
    """Missed heartbeat ACKs end the connection, and the gateway recovers as usual."""
    async with running(quiet(heartbeat_interval_ms=1000), services=REST) as stack:

        async def dropped() -> None:
            stack.simulator.faults.acks_stalled = True
            await stack.processes["gateway"].line_with("did not answer a heartbeat")
            stack.simulator.refuse()
            await eventually(lambda: not stack.simulator.gateway.connections)
            stack.simulator.faults.acks_stalled = False
            stack.simulator.refuse(0.5)

        await _ends_and_comes_back(stack, dropped)


async def _ends_and_comes_back(stack: Stack, dropped: Callable[[], Awaitable[None]]) -> None:
    """After recovery a member who left is removed, one who went offline is not shown, and events
    arrive."""
    world, stats = stack.simulator.world, stack.simulator.stats
    world.set_presence(ROBIN, "online", [], {"web": "online"})
    await stack.shows(ROBIN, lambda data: bool(data["status"] == "online"))
    leaver = next(one for one in world.guild(FIRST).members if _only_here(stack, one))
    began = stats.identifies + stats.resumes
    await dropped()
    world.set_presence(ROBIN, "offline", [], {})
    world.remove_member(FIRST, leaver)
    await stack.shows(ROBIN, lambda data: bool(data["status"] == "invisible"))
    await stack.not_monitored(leaver)
    await _holds_all_members(stack)
    await eventually(lambda: stats.identifies + stats.resumes > began)
    world.set_presence(ROBIN, "dnd", [], {"vr": "dnd"})
    await stack.shows(ROBIN, lambda data: bool(data["profile"]["device"] == "vr"))


async def test_members_who_left_while_it_was_down_are_removed() -> None:
    """So are the members of a guild from which the bot was removed."""
    async with running(services=REST) as stack:
        world = stack.simulator.world
        await stack.processes["gateway"].stop()
        leaver = next(one for one in world.guild(FIRST).members if _only_here(stack, one))
        world.remove_member(FIRST, leaver)
        world.remove_guild(SECOND)
        await stack.start("gateway")
        await stack.not_monitored(leaver)
        await _holds_all_members(stack)


async def test_outage_keeps_members_and_removal_deletes_them() -> None:
    """GUILD_DELETE with and without `unavailable`, while the gateway is connected."""
    async with running(services=REST) as stack:
        world = stack.simulator.world
        world.set_available(FIRST, False)
        world.set_presence(ROBIN, "dnd", [], {"web": "dnd"})
        world.set_available(FIRST, True)
        await stack.shows(ROBIN, lambda data: bool(data["status"] == "dnd"))
        world.remove_guild(SECOND)
        await _holds_all_members(stack)


async def test_only_the_named_guilds_are_monitored() -> None:
    """With GUILD_IDS, users of other guilds are removed, though they were monitored before."""
    async with running(services=REST) as stack:
        await stack.processes["gateway"].stop()
        await stack.start("gateway", GUILD_IDS=FIRST)
        await _holds(stack, set(stack.simulator.world.guild(FIRST).members))


async def test_blast_while_redis_is_away_leaves_the_newest_state() -> None:
    """The queue has one entry per user, and the last state is written."""
    async with running(services=REST) as stack:
        await stack.redis.kill()
        sent = await stack.simulator.world.blast(5000)
        assert sent >= 5000
        stack.simulator.world.set_presence(ROBIN, "dnd", [], {"vr": "dnd"})
        await stack.redis.start()
        await stack.shows(ROBIN, lambda data: bool(data["profile"]["device"] == "vr"))
        await _agrees(stack)


async def test_malformed_dispatches_end_nothing() -> None:
    """After garbage in the middle of a session, the next event is still processed."""
    async with running(services=REST) as stack:
        garbage: tuple[object, ...] = (
            "x",
            None,
            [],
            {"user": {"id": "x"}},
            {"user": {"id": ROBIN}, "status": 5},
        )
        for payload in garbage:
            stack.simulator.sessions.tell("PRESENCE_UPDATE", FIRST, payload)
        stack.simulator.world.set_presence(ROBIN, "dnd", [], {"vr": "dnd"})
        await stack.shows(ROBIN, lambda data: bool(data["profile"]["device"] == "vr"))


def _only_here(stack: Stack, user_id: str) -> bool:
    person = stack.simulator.world.person(user_id)
    return person.guilds == [FIRST] and user_id != ROBIN and not person.user.bot


async def _holds_all_members(stack: Stack) -> None:
    await _holds(stack, stack.member_ids())


async def _holds(stack: Stack, user_ids: set[str]) -> None:
    """Redis has these users and their snapshots, and no others."""
    async with Store.connect(stack.redis.url, timeout=PATIENCE) as store:

        async def held() -> bool:
            users = {str(int(one)) for one in await store.redis.smembers(keys.USERS)}
            found = store.redis.scan_iter("presence:*", count=10_000)
            snapshots = {str(keys.user_of_channel(key)) async for key in found}
            return users == snapshots == user_ids

        await eventually_async(held)


async def _agrees(stack: Stack) -> None:
    """Every snapshot has the status that the simulator has."""
    async with Store.connect(stack.redis.url, timeout=PATIENCE) as store:

        async def agreed() -> bool:
            people = [stack.simulator.world.person(one) for one in stack.member_ids()]
            found = await store.load_many([int(person.user.id) for person in people])
            return all(
                isinstance(one, Snapshot) and _status(person.presence.status) in one.presence[:30]
                for person, one in zip(people, found, strict=True)
            )

        await eventually_async(agreed)


def _status(status: str) -> bytes:
    return f'"status":"{"invisible" if status == "offline" else status}"'.encode()


@pytest.mark.parametrize("named", [True, False])
async def test_redis_away_at_the_start_is_waited_for(named: bool) -> None:
    """If it starts before Redis, the gateway writes once Redis runs. It connects to Discord only
    when it knows who hides what, also if GUILD_IDS says which guilds are approved."""
    env = {"GUILD_IDS": f"{FIRST},{SECOND}"} if named else {}
    async with running(services=("api",), env=env) as stack:
        await stack.redis.kill()
        gateway = await stack.start("gateway")
        await eventually(lambda: any("Redis is not available" in line for line in gateway.lines))
        assert not any("connected to Discord" in line for line in gateway.lines)
        await stack.redis.start()
        await stack.shows(ROBIN, lambda data: True)


@pytest.mark.parametrize("how", ["rst", "eof", "reconnect"])
async def test_sigterm_while_discord_hangs_up_ends_the_process(how: str) -> None:
    """hikari may swallow a cancellation at that moment."""
    async with running(services=("gateway",)) as stack:
        gateway = stack.processes["gateway"]
        await gateway.line_with("connected to Discord")
        stack.simulator.refuse(60)
        stack.simulator.drop(how)  # type: ignore[arg-type]
        assert await gateway.stop() == 0, gateway.lines


async def test_gateway_that_was_stopped_for_long_releases_its_shard() -> None:
    """SIGSTOP, takeover, SIGCONT: the first one writes nothing more and becomes the standby."""
    async with running(services=REST) as stack:
        first = stack.processes.pop("gateway")
        stack.processes["first"] = first
        second = await stack.start("gateway")
        await second.line_with("standing by")
        first.send(signal.SIGSTOP)
        await second.line_with("taken over")
        await second.line_with("connected to Discord")
        first.send(signal.SIGCONT)
        await first.line_with("run by another process now")
        stack.simulator.world.set_presence(ROBIN, "dnd", [], {"vr": "dnd"})
        await stack.shows(ROBIN, lambda data: bool(data["profile"]["device"] == "vr"))
        await _holds_all_members(stack)
