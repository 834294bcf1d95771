"""Redis loses its data while the active gateway has no connection to Discord."""

from __future__ import annotations

from typing import Any

import msgspec

from shared.redis import keys
from shared.redis.store import Fields, Save, Store
from testing.eventually import PATIENCE
from tests.e2e.discord_state import matches_discord
from tests.e2e.stack import ROBIN, Stack, Watcher, running


async def test_what_another_gateway_wrote_is_not_overwritten() -> None:
    """Another gateway took the free shard just then, and already wrote a newer state."""
    async with running() as stack:
        world, gateway = stack.simulator.world, stack.processes["gateway"]
        world.set_presence(ROBIN, "idle", [], {"web": "idle"})
        await stack.shows(ROBIN, lambda data: bool(data["status"] == "idle"))
        watcher = await stack.watch(ROBIN)
        await watcher.until(lambda frame: bool(frame["op"] == "initial_data"))
        stack.simulator.refuse()
        assert stack.simulator.drop("rst") == 1
        await gateway.line_with("is disconnected")
        world.set_presence(ROBIN, "dnd", [], {"web": "dnd"})
        await _emptied_and_written(stack, "dnd")
        await watcher.until(lambda frame: bool(frame["d"].get("status") == "dnd"))
        await gateway.line_with("rewriting all users")
        stack.simulator.faults.clear()
        await matches_discord(stack)
        assert _shown(watcher) == ["idle", "dnd"]
        assert (stack.simulator.stats.identifies, stack.simulator.stats.resumes) == (1, 1)


async def test_known_states_are_written_while_discord_is_unreachable() -> None:
    """After a while the last known states are better than none."""
    async with running() as stack:
        gateway = stack.processes["gateway"]
        before = await stack.shows(ROBIN, lambda data: True)
        stack.simulator.refuse()
        assert stack.simulator.drop("rst") == 1
        await gateway.line_with("is disconnected")
        await stack.redis.flush()
        await gateway.line_with("rewriting all users")
        await matches_discord(stack)  # Redis itself: the api's cache proves nothing
        assert await stack.shows(ROBIN, lambda data: True) == before


async def _emptied_and_written(stack: Stack, status: str) -> None:
    robin = int(ROBIN)
    async with Store.connect(stack.redis.url, timeout=PATIENCE) as store:
        held: Any = await store.redis.hgetall(keys.presence(robin))
        guilds = tuple(map(int, await store.redis.smembers(keys.guilds(robin))))
        presence = {**msgspec.json.decode(held[b"presence"]), "status": status}
        fields = Fields(held[b"profile"], msgspec.json.encode(presence), held[b"discord"])
        await stack.redis.flush()
        await store.save([Save(robin, fields, guilds)])


def _shown(watcher: Watcher) -> list[str]:
    return [frame["d"]["status"] for frame in watcher.frames if "status" in frame["d"]]
