"""Seeded stories of two processes that share a user: what Redis holds in the end is the truth.

Shards move between the processes, by a resumed session or a new one, and Redis loses its data.
"""

from __future__ import annotations

from random import Random
from typing import Any

import msgspec
import pytest
from fakeredis import FakeAsyncRedis, FakeServer

from services.gateway.state.guild_cache import CachedGuild
from services.gateway.state.user_cache import StoredUser
from shared.discord.snowflake import shard_of
from shared.redis import keys, user_reports
from tests.gateway.gateway_fixture import member
from tests.gateway.test_merge_orders import Place, a_state, canonical, union
from tests.gateway.test_shared_users import CUSTOM, GAME, NEW_GAME, USER, Process, Two, running

STEPS = 60
SHARDS = (0, 1)

Event = tuple[str, int, bytes]
"""What happened in a guild, and what it is shown of the user then."""


class MovingProcess(Process):
    """Of whatever shards it is given. It writes while the gate is open."""

    def __init__(self, server: FakeServer) -> None:
        super().__init__(server, 0)
        self.writing.gate.open = False

    async def flush(self) -> None:
        self.writing.gate.open = True
        await self.written()
        self.writing.gate.open = False

    def handle(self, event: Event) -> None:
        what, guild_id, view = event
        guilds = self.writing.guilds
        presence = {"user": {"id": str(USER)}, **msgspec.json.decode(view)} if view else None
        match what:
            case "list":
                guilds.begin_listing(guild_id)
                if presence is not None:
                    guilds.list_members(guild_id, [member(USER)], [presence])
                guilds.end_listing(guild_id)
                if presence is None:  # the reconciler finds what Redis has too many
                    self.writing.writer.remove(USER, guild_id)
            case "join":
                guild = guilds.get(guild_id) or CachedGuild()
                guilds.upsert_member(guild_id, guild, member(USER)["user"])
                guilds.await_presence(guild_id, USER)
            case "leave":
                guilds.remove_member(guild_id, USER)
            case _ if presence is not None:
                guilds.update_presence(guild_id, USER, presence)

    def rewrite(self, shards: set[int], guild_ids: list[int]) -> None:
        """Redis has lost its data, or has other data."""
        self.writing.writer.mark_all_dirty()
        for guild_id in guild_ids:
            guild = self.writing.guilds.get(guild_id)
            if shard_of(guild_id, 2) in shards and guild and USER not in guild.members:
                self.writing.writer.remove(USER, guild_id)


class Story:
    def __init__(self, seed: int) -> None:
        self.random = random = Random(seed)
        self.server = FakeServer()
        self.redis = FakeAsyncRedis(server=self.server)
        self.processes = [MovingProcess(self.server), MovingProcess(self.server)]
        self.places: dict[int, Place] = {}
        for number in range(1, random.randint(3, 5)):
            shard = random.choice(SHARDS)
            place = Place(shard, random.random() < 0.3, random.random() < 0.3)
            self.places[(number * 2 + shard) << 22] = place
        self.members = set(self.places)
        self.state: dict[str, Any] = a_state(random, 1)
        self.changes = 1
        self.queues: dict[int, list[Event]] = {shard: [] for shard in SHARDS}
        self.owners = {shard: random.choice((0, 1)) for shard in SHARDS}
        self.has_lost_data = False
        self._note_owners()
        for shard in SHARDS:
            self._begin_session(shard)

    async def play(self) -> None:
        for _ in range(STEPS):
            await self.step()
        for shard in SHARDS:
            self.deliver(shard, len(self.queues[shard]))
        for number in (0, 1):
            self._rewrite(number)
        for process in (*self.processes, *self.processes):
            await process.flush()

    async def step(self) -> None:
        random, chance = self.random, self.random.random()
        if chance < 0.3:
            self.change()
        elif chance < 0.6:
            self.deliver(random.choice(SHARDS), random.randint(1, 4))
        elif chance < 0.85:
            await random.choice(self.processes).flush()
        elif chance < 0.95:
            await self.move(random.choice(SHARDS))
        else:
            await self.redis.flushall()
            self.has_lost_data = True

    def change(self) -> None:
        """The user does something else, or joins or leaves a guild."""
        random = self.random
        self.changes += 1
        if random.random() < 0.2:
            guild_id = random.choice(sorted(self.places))
            if guild_id in self.members:
                self.members.discard(guild_id)
                self._tell("leave", guild_id)
            else:
                self.members.add(guild_id)
                self._tell("join", guild_id)
                self._tell("report", guild_id)
        else:
            self.state = a_state(random, self.changes)
            for guild_id in random.sample(sorted(self.members), len(self.members)):
                self._tell("report", guild_id)

    def deliver(self, shard: int, events: int) -> None:
        """Its process receives some of what the shard has sent."""
        queue = self.queues[shard]
        for event in queue[:events]:
            self.processes[self.owners[shard]].handle(event)
        del queue[:events]

    async def move(self, shard: int) -> None:
        """The other process takes the shard over: by a resume, if Redis holds what it needs."""
        old = self.processes[self.owners[shard]]
        await old.flush()
        old.writing.guilds.drop_shard(shard, 2)
        self.owners[shard] = 1 - self.owners[shard]
        self._note_owners()
        if self.has_lost_data or self.random.random() < 0.5:
            self._begin_session(shard)
            return
        new = self.processes[self.owners[shard]].writing
        [stored] = await user_reports.load(new.store, [USER])
        for guild_id in self._guilds_of(shard):
            held = {}
            if stored.discord and guild_id in stored.guilds:
                held = {USER: StoredUser(stored.discord, stored.reports)}
            new.guilds.restore(guild_id, held, complete=True)
        self.deliver(shard, len(self.queues[shard]))
        new.writer.mark_all_dirty()

    async def shown(self) -> Any:
        """What Redis holds of the user; None: nothing."""
        found = await self.redis.hget(keys.presence(USER), "discord")
        if found is None:
            return None
        return canonical(msgspec.json.encode({**msgspec.json.decode(found), "user": None}))

    def truth(self) -> Any:
        if not self.members:
            return None
        places = [self.places[one] for one in sorted(self.members)]
        return {"user": None, **canonical(union(self.state, places))}

    def _begin_session(self, shard: int) -> None:
        self.queues[shard] = []
        for guild_id in self._guilds_of(shard):
            self._tell("list", guild_id)

    def _tell(self, what: str, guild_id: int) -> None:
        place = self.places[guild_id]
        view = place.view(self.state) if guild_id in self.members else b""
        self.queues[place.shard].append((what, guild_id, view))

    def _guilds_of(self, shard: int) -> list[int]:
        return [one for one in sorted(self.places) if self.places[one].shard == shard]

    def _rewrite(self, number: int) -> None:
        shards = {shard for shard, owner in self.owners.items() if owner == number}
        self.processes[number].rewrite(shards, sorted(self.places))

    def _note_owners(self) -> None:
        for number, process in enumerate(self.processes):
            process.writing.gate.known_generations = {
                (shard, 2): "token" for shard, owner in self.owners.items() if owner == number
            }


@pytest.mark.parametrize("seed", range(12))
async def test_redis_holds_the_truth_in_the_end(seed: int) -> None:
    story = Story(seed)
    async with running(*story.processes):
        await story.play()
    assert await story.shown() == story.truth()


async def test_what_redis_has_lost_of_a_shared_user_is_written_with_the_next_change() -> None:
    """One process has written the user again, and the other has not noticed the loss yet."""
    two = Two()
    async with running(two.a, two.b):
        two.a.list(GAME)
        two.b.list(CUSTOM)
        await two.shown()
        two.a.show(GAME, status="idle")  # now it knows of the other guild
        await two.shown()
        await two.redis.flushall()
        two.b.writing.writer.mark_all_dirty()
        assert await two.shown() == ("online", [CUSTOM])
        two.a.show(NEW_GAME)
        shown = await two.shown()
        assert shown[1] == [CUSTOM, NEW_GAME]
