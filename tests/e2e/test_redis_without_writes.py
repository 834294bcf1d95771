"""A Redis that accepts reads but no writes: full, or a replica after a failover."""

from __future__ import annotations

from typing import Any

import pytest
from redis.asyncio import Redis

from shared.redis.store import Store
from testing.eventually import PATIENCE
from tests.e2e.discord_state import change_members, matches_discord
from tests.e2e.stack import ROBIN, running

REFUSALS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "full": (("CONFIG SET", "maxmemory", "1"), ("CONFIG SET", "maxmemory", "0")),
    "replica": (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE")),
}
"""The commands that make Redis refuse writes, and those that make it accept them again."""


@pytest.mark.parametrize("why", REFUSALS)
async def test_reads_go_on_and_the_newest_state_is_written_later(why: str) -> None:
    """The gateway queues the latest state of each user until Redis accepts it. No client sees
    a skipped state, or a user who has left."""
    refuse, take = REFUSALS[why]
    async with running() as stack, Store.connect(stack.redis.url, timeout=PATIENCE) as store:
        assert isinstance(store.redis, Redis)
        redis, world = store.redis, stack.simulator.world
        world.set_presence(ROBIN, "online", [], {"web": "online"})
        await stack.shows(ROBIN, online)
        await matches_discord(stack)
        watcher = await stack.watch(ROBIN)
        await watcher.until(lambda frame: bool(frame["op"] == "initial_data"))
        await redis.execute_command(*refuse)  # type: ignore[no-untyped-call]
        world.set_presence(ROBIN, "idle", [], {"web": "idle"})
        leaver, joiner, renamed = change_members(stack)
        await stack.processes["gateway"].line_with("users are waiting to be written")
        for user_id in (ROBIN, leaver, renamed):
            assert (await stack.get(f"/user/{user_id}"))[0] == 200
        assert online((await stack.get(f"/user/{ROBIN}"))[1]["data"])
        newcomer = await stack.watch(ROBIN)
        first = await newcomer.until(lambda frame: True)
        assert first["op"] == "initial_data"
        assert online(first["d"])
        world.set_presence(ROBIN, "dnd", [], {"vr": "dnd"})
        await redis.execute_command(*take)  # type: ignore[no-untyped-call]
        await stack.shows(ROBIN, lambda data: bool(data["status"] == "dnd"))
        await stack.not_monitored(leaver)
        await stack.shows(joiner, lambda data: bool(data["status"] == "idle"))
        await stack.shows(renamed, lambda data: bool(data["profile"]["display_name"] == "Ada"))
        await matches_discord(stack)
        for one in (watcher, newcomer):
            await one.until(lambda frame: bool(frame["d"].get("status") == "dnd"))
            shown = [frame["d"]["status"] for frame in one.frames if "status" in frame["d"]]
            assert shown == ["online", "dnd"]
        assert (stack.simulator.stats.identifies, stack.simulator.stats.resumes) == (1, 0)


def online(data: dict[str, Any]) -> bool:
    return bool(data["status"] == "online")
