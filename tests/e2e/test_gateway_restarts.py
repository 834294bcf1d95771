"""A gateway that restarts, or that another one replaces, resumes the session."""

from __future__ import annotations

import signal
from typing import Any

import msgspec
import pytest

from services.gateway.sync.session_resume import ResumeCheckpoint
from shared.redis import keys
from shared.redis.store import Store
from testing.eventually import PATIENCE, eventually, eventually_async
from tests.e2e.discord_state import change_members, matches_discord
from tests.e2e.stack import FIRST, REST, ROBIN, SECOND, Stack, quiet, running
from tests.e2e.standby import holder_knows_standby


async def test_restart_resumes_and_loses_nothing() -> None:
    """Changes, departures, joins and renames meanwhile are all applied, without an Identify."""
    async with running() as stack:
        watcher = await stack.watch(ROBIN)
        assert await stack.processes["gateway"].stop() == 0
        leaver, joiner, renamed = change_members(stack)
        await stack.start("gateway")
        await watcher.until(lambda frame: bool(frame["d"].get("status") == "dnd"))
        await stack.not_monitored(leaver)
        await stack.shows(joiner, lambda data: bool(data["status"] == "idle"))
        await stack.shows(renamed, lambda data: bool(data["profile"]["display_name"] == "Ada"))
        await matches_discord(stack)
        await _goes_on(stack)
        assert (stack.simulator.stats.identifies, stack.simulator.stats.resumes) == (1, 1)


async def test_what_is_known_after_a_resume_goes_on_being_right() -> None:
    """Memory is restored from Redis: a partial event, a second guild and a left guild prove it."""
    async with running(services=REST) as stack:
        world = stack.simulator.world
        both = next(
            one
            for one, person in world.people.items()
            if len(person.guilds) == 2 and one != ROBIN and not person.user.bot
        )
        world.set_presence(both, "idle", [], {"vr": "idle"})
        await stack.shows(both, lambda data: bool(data["status"] == "idle"))
        await stack.processes["gateway"].stop()
        await stack.start("gateway")
        await stack.processes["gateway"].line_with("connected to Discord")
        world.update_user(both, global_name="Grace")
        shown = await stack.shows(
            both, lambda data: bool(data["profile"]["display_name"] == "Grace")
        )
        assert (shown["status"], shown["profile"]["device"]) == ("idle", "vr")
        world.remove_guild(FIRST)
        await matches_discord(stack)
        await stack.shows(both, lambda data: bool(data["status"] == "idle"))
        assert stack.simulator.stats.identifies == 1


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGKILL])
async def test_standby_resumes_the_session(sign: signal.Signals) -> None:
    """The lease is released, or expires: the standby continues from the state in Redis."""
    async with running(services=REST) as stack:
        world = stack.simulator.world
        first = stack.processes.pop("gateway")
        second = await stack.start("gateway")
        await second.line_with("standing by")
        world.set_presence(ROBIN, "idle", [], {"web": "idle"})
        await _checkpoint(stack, lambda saved: bool(saved.session.seq))
        first.send(sign)
        await first.ended()
        leaver, joiner, renamed = change_members(stack)
        await second.line_with("taken over")
        await stack.shows(ROBIN, lambda data: bool(data["status"] == "dnd"))
        await stack.not_monitored(leaver)
        await stack.shows(joiner, lambda data: bool(data["status"] == "idle"))
        await stack.shows(renamed, lambda data: bool(data["profile"]["display_name"] == "Ada"))
        await matches_discord(stack)
        assert (stack.simulator.stats.identifies, stack.simulator.stats.resumes) == (1, 1)


async def test_a_replay_shows_no_old_state() -> None:
    """Redis is ahead of the checkpoint: replayed events up to Redis' state reach no client."""
    async with running() as stack, Store.connect(stack.redis.url, timeout=PATIENCE) as store:
        world = stack.simulator.world
        gateway = stack.processes["gateway"]
        await _checkpoint(stack, lambda saved: True)
        kept: Any = await store.redis.hget(keys.shard(0, 1), "checkpoint")
        for status in ("idle", "online", "dnd"):
            world.set_presence(ROBIN, status, [], {"web": status})
            await _shows_status(stack, status)
        await gateway.stop()
        await store.redis.hset(keys.shard(0, 1), "checkpoint", kept)  # as after a kill
        watcher = await stack.watch(ROBIN)
        await watcher.until(lambda frame: bool(frame["op"] == "initial_data"))
        await (await stack.start("gateway")).line_with("connected to Discord")
        world.set_presence(ROBIN, "online", [], {"vr": "online"})
        await watcher.until(lambda frame: bool(frame["d"].get("status") == "online"))
        shown = [frame["d"]["status"] for frame in watcher.frames if "status" in frame["d"]]
        assert shown == ["dnd", "online"]
        assert stack.simulator.stats.resumes == 1


async def test_pending_member_requests_are_repeated() -> None:
    """A large guild without its chunks, and a new member without a presence."""
    async with running(
        quiet(members=1500, presence_limit=1000, chunk_seconds=0.0), services=REST
    ) as stack:
        world = stack.simulator.world
        await matches_discord(stack)
        await stack.processes["gateway"].stop()
        async with Store.connect(stack.redis.url, timeout=PATIENCE) as store:
            loaded = await _load(store)
            assert loaded is not None
            joiner = next(one for one in world.people if FIRST not in world.person(one).guilds)
            world.set_presence(joiner, "idle", [], {"web": "idle"})
            world.add_member(FIRST, joiner)
            unfinished = msgspec.structs.replace(
                loaded,
                guilds=[int(SECOND)],
                partial=[int(FIRST)],
                requested_users={int(FIRST): [int(ROBIN)]},
            )
            await store.redis.hset(keys.shard(0, 1), "checkpoint", msgspec.json.encode(unfinished))
        asked = stack.simulator.stats.member_requests
        await stack.start("gateway")
        await stack.shows(joiner, lambda data: bool(data["status"] == "idle"))
        await matches_discord(stack)
        await eventually(lambda: stack.simulator.stats.member_requests >= asked + 2)
        assert stack.simulator.stats.identifies == 1


@pytest.mark.parametrize("how", ["emptied", "restarted", "refused", "settings", "lost members"])
async def test_without_a_valid_checkpoint_a_new_session_is_started(how: str) -> None:
    """After Redis lost its data or restarted, Discord forgot the session, or GUILD_IDS changed."""
    async with running(services=REST) as stack:
        world = stack.simulator.world
        await stack.processes["gateway"].stop()
        leaver, _, _ = change_members(stack)
        env = {}
        match how:
            case "emptied":
                await stack.redis.flush()
            case "restarted":
                await stack.redis.restart(empty=False)
            case "refused":
                stack.simulator.faults.refuse_resumes(1)
            case "settings":
                env = {"GUILD_IDS": FIRST}
                world.remove_guild(SECOND)  # so that the simulator has the same members
            case "lost members":
                async with Store.connect(stack.redis.url, timeout=PATIENCE) as store:
                    await store.redis.delete(keys.members(int(SECOND)))
        await stack.start("gateway", **env)
        await stack.shows(ROBIN, lambda data: bool(data["status"] == "dnd"))
        await stack.not_monitored(leaver)
        await matches_discord(stack)
        await _goes_on(stack)
        assert (stack.simulator.stats.identifies, stack.simulator.stats.resumes) == (2, 0)


async def test_redis_emptied_under_a_running_gateway_has_no_checkpoint_too_early() -> None:
    """If it is killed before it has rewritten all users, the next one starts a new session, or
    finds all users in Redis."""
    async with running(services=REST) as stack:
        await _checkpoint(stack, lambda saved: True)
        gateway = stack.processes["gateway"]
        await stack.redis.flush()
        await gateway.line_with("rewriting all users")
        await _checkpoint(stack, lambda saved: True)
        await gateway.stop(signal.SIGKILL)
        await matches_discord(stack)


async def test_sigterm_without_redis_ends_and_loses_nothing() -> None:
    """Unwritten events are not part of the checkpoint, so Discord replays them."""
    async with running(services=REST) as stack:
        gateway = stack.processes["gateway"]
        await _checkpoint(stack, lambda saved: True)
        await stack.redis.pause()
        leaver, joiner, _ = change_members(stack)
        assert await gateway.stop() == 0
        await stack.redis.resume()
        await stack.start("gateway")
        await _shows_status(stack, "dnd")
        await stack.not_monitored(leaver)
        await stack.shows(joiner, lambda data: bool(data["status"] == "idle"))
        await matches_discord(stack)
        assert stack.simulator.stats.identifies == 1


async def test_long_outage_of_redis_beside_a_standby_spends_no_session() -> None:
    """The active gateway releases the shard, and starts no session until Redis is reachable."""
    async with running(services=REST) as stack:
        first = stack.processes.pop("gateway")
        stack.processes["first"] = first
        second = await stack.start("gateway")
        await second.line_with("standing by")
        await first.line_with("rewriting all users once more")  # no checkpoint before
        before = (await _checkpoint(stack, lambda saved: bool(saved.session.seq))).session.seq
        stack.simulator.world.set_presence(ROBIN, "idle", [], {"web": "idle"})
        await _checkpoint(stack, lambda saved: saved.session.seq > before)
        await holder_knows_standby(stack)
        await stack.redis.pause()
        await first.line_with("may have been taken over")
        await first.line_with("standing by")
        leaver, joiner, _ = change_members(stack)
        await stack.redis.resume()
        await _shows_status(stack, "dnd")
        await stack.not_monitored(leaver)
        await stack.shows(joiner, lambda data: bool(data["status"] == "idle"))
        await matches_discord(stack)
        assert (stack.simulator.stats.identifies, stack.simulator.stats.resumes) == (1, 1)


async def test_few_sessions_left_are_not_spent() -> None:
    """It logs that, and continues once Discord allows more."""
    async with running(quiet(session_starts=2), services=REST) as stack:
        gateway = stack.processes["gateway"]
        stack.simulator.drop("invalid")
        said = await gateway.line_with("begin only 1 more sessions (of 2 in a day)")
        assert "DISCORD_TOKEN" in said
        assert stack.simulator.stats.identifies == 1
        assert (await stack.get(f"/user/{ROBIN}"))[0] == 200
        assert await gateway.stop() == 0  # it would wait for hours


async def _shows_status(stack: Stack, status: str) -> None:
    await stack.shows(ROBIN, lambda data: bool(data["status"] == status))


async def _goes_on(stack: Stack) -> None:
    """Assert that the next event reaches the api."""
    stack.simulator.world.set_presence(ROBIN, "online", [], {"vr": "online"})
    await stack.shows(ROBIN, lambda data: bool(data["profile"]["device"] == "vr"))


async def _checkpoint(stack: Stack, holds: Any) -> ResumeCheckpoint:
    """Wait for a checkpoint that meets the condition."""
    async with Store.connect(stack.redis.url, timeout=PATIENCE) as store:

        async def found() -> ResumeCheckpoint | None:
            loaded = await _load(store)
            return loaded if loaded and holds(loaded) else None

        saved = await eventually_async(found)
        assert saved is not None
        return saved


async def _load(store: Store) -> ResumeCheckpoint | None:
    encoded = await store.redis.hget(keys.shard(0, 1), "checkpoint")
    return msgspec.json.decode(encoded, type=ResumeCheckpoint) if encoded else None
