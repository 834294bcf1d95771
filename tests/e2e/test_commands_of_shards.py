"""Commands with several gateways: each is answered by the one that has the shard, and once."""

from __future__ import annotations

import asyncio

from shared.commands.texts import ENGLISH
from simulator.interaction import Interaction
from simulator.model import Guild, Member
from testing.eventually import PATIENCE, eventually
from tests.e2e.stack import FIRST, ROBIN, Stack, quiet, running

WRITE = "POST /applications/{application_id}/commands"
REFUSALS = {"", ENGLISH.problems.busy}
OF_SHARD_1 = str(int(FIRST) + (1 << 22))  # FIRST is of shard 0


async def start(stack: Stack, name: str, shard_id: str, until: str = "is connected to") -> None:
    """The stack stops it at the end."""
    env = {"SHARD_COUNT": "2", "SHARD_IDS": shard_id}
    stack.processes[name] = await stack.launch("gateway", **env)
    await stack.processes[name].line_with(until)


async def test_each_shard_answers_its_commands() -> None:
    """Those of a server by the process of its shard, direct messages by that of shard 0. The
    commands are registered once."""
    async with running(quiet(shards=2, max_concurrency=2), services=()) as stack:
        discord = stack.simulator
        joined_at = discord.world.guild(FIRST).joined_at
        discord.world.add_guild(
            Guild(
                id=OF_SHARD_1,
                name="Other",
                owner_id=ROBIN,
                joined_at=joined_at,
                members={ROBIN: Member()},
            )
        )
        now = discord.interactions.now()
        discord.interactions.now = lambda: now
        for shard_id in ("0", "1"):
            await start(stack, f"gateway {shard_id}", shard_id)
        await eventually(lambda: discord.commands.named("grux"))

        async def use(guild_id: str | None) -> Interaction:
            """Again, where a busy machine was too slow."""
            async with asyncio.timeout(3 * PATIENCE):
                while True:
                    options = [{"name": "hide", "type": 1}]
                    sent = discord.interactions.use_command(
                        ROBIN, "grux", options, guild_id=guild_id
                    )
                    await discord.interactions.settled(sent, 10.0)
                    if sent.message and sent.message["content"] not in REFUSALS:
                        return sent

        for guild_id in (FIRST, OF_SHARD_1, None):
            sent = await use(guild_id)
            assert sent.message is not None
            assert ENGLISH.state.shown in sent.message["content"]
            assert sent.refusals == []
        assert discord.stats.rest_by_route[WRITE] == 1

        # A standby has the same shard, and takes it over; the event of before comes again.
        await start(stack, "standby", "1", "standing by")
        old = await use(OF_SHARD_1)
        await stack.processes["gateway 1"].kill()
        await stack.processes["standby"].line_with("is connected to")
        discord.interactions.repeat(old)
        await eventually(lambda: old.refusals)
        assert old.refusals == ["40060 answered before"]
        assert (await use(OF_SHARD_1)).refusals == []
