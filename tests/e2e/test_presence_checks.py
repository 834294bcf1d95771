"""Users of whom Discord sends no events: the gateway finds out what they do."""

from __future__ import annotations

from testing.eventually import eventually
from tests.e2e.stack import ROBIN, quiet, running


async def test_a_watcher_sees_a_user_of_whom_no_event_is_sent() -> None:
    """After one round, and without a single PRESENCE_UPDATE."""
    async with running(quiet(), env={"PRESENCE_CHECK_SECONDS": "1"}) as stack:
        world, stats = stack.simulator.world, stack.simulator.stats
        watcher = await stack.watch(ROBIN)
        await watcher.until(lambda frame: frame["op"] == "initial_data")
        world.silent = {ROBIN}
        world.set_presence(ROBIN, "dnd", [], {"mobile": "dnd"})
        await watcher.until(lambda frame: frame["d"].get("status") == "dnd")
        assert stats.events_by_name["PRESENCE_UPDATE"] == 0
        await eventually(lambda: stats.member_requests >= 2)
        assert watcher.close_code is None
