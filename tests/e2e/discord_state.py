"""The contents that Redis must have after a fault, and changes that happen during it."""

from __future__ import annotations

import msgspec

from shared.model.snapshot import Snapshot
from shared.redis import keys
from shared.redis.store import Store
from simulator import BOT_ID
from testing.eventually import PATIENCE, eventually_async
from tests.e2e.stack import FIRST, ROBIN, Stack


def change_members(stack: Stack) -> tuple[str, str, str]:
    """Change members while no gateway is connected. Returns who left, joined, and was renamed."""
    world = stack.simulator.world
    only_here = [
        one
        for one, person in world.people.items()
        if person.guilds == [FIRST] and one not in (ROBIN, BOT_ID) and not person.user.bot
    ]
    leaver, joiner, renamed = only_here[:3]
    world.remove_member(FIRST, leaver)
    world.remove_member(FIRST, joiner)
    world.set_presence(joiner, "idle", [], {"web": "idle"})
    world.add_member(FIRST, joiner)
    world.update_user(renamed, global_name="Ada")
    world.set_presence(ROBIN, "dnd", [], {"web": "dnd"})
    return leaver, joiner, renamed


async def matches_discord(stack: Stack) -> None:
    """Wait until Redis has exactly the simulator's members, with their guilds and presences."""
    world = stack.simulator.world
    async with Store.connect(stack.redis.url, timeout=PATIENCE) as store:

        async def held() -> bool:
            users = {str(int(one)) for one in await store.redis.smembers(keys.USERS)}
            members = sorted(stack.member_ids())
            snapshots = await store.load_many([int(one) for one in members])
            for guild_id, guild in world.guilds.items():
                listed = await store.redis.smembers(keys.members(int(guild_id)))
                if {str(int(one)) for one in listed} != set(guild.members):
                    return False
            return users == set(members) and all(
                isinstance(snapshot, Snapshot)
                and msgspec.json.decode(snapshot.presence)["status"]
                == world.person(one).presence.status.replace("offline", "invisible")
                for one, snapshot in zip(members, snapshots, strict=True)
            )

        await eventually_async(held)
