"""Redis loses everything while the gateway that runs the shard has no connection to Discord."""

from __future__ import annotations

from typing import Any

import msgspec

from shared.redis import keys
from shared.redis.store import Fields, Save, Store
from testing.eventually import PATIENCE
from tests.e2e.stack import ROBIN, Stack, Watcher, running
from tests.e2e.truth import truth


async def test_what_another_process_wrote_meanwhile_is_not_taken_back() -> None:
    """One that started just then, found the shard free, and was told of it in the next moment."""
    async with running() as stack:
        world, gateway = stack.simulator.world, stack.processes["gateway"]
        world.set_presence(ROBIN, "idle", [], {"web": "idle"})
        await stack.shows(ROBIN, lambda data: bool(data["status"] == "idle"))
        watcher = await stack.watch(ROBIN)
        await watcher.until(lambda frame: bool(frame["op"] == "initial_data"))
        stack.simulator.refuse()
        assert stack.simulator.drop("rst") == 1
        await gateway.said("is disconnected")
        world.set_presence(ROBIN, "dnd", [], {"web": "dnd"})
        await _emptied_and_written(stack, "dnd")
        await watcher.until(lambda frame: bool(frame["d"].get("status") == "dnd"))
        await gateway.said("writing everyone again")
        stack.simulator.faults.clear()
        await truth(stack)
        assert _shown(watcher) == ["idle", "dnd"]
        assert (stack.simulator.stats.identifies, stack.simulator.stats.resumes) == (1, 1)


async def test_what_is_known_is_written_though_discord_stays_away() -> None:
    """After a while it is better than nothing."""
    async with running() as stack:
        gateway = stack.processes["gateway"]
        before = await stack.shows(ROBIN, lambda data: True)
        stack.simulator.refuse()
        assert stack.simulator.drop("rst") == 1
        await gateway.said("is disconnected")
        await stack.redis.flush()
        await gateway.said("writing everyone again")
        await truth(stack)  # by itself: what api remembers is no proof
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
