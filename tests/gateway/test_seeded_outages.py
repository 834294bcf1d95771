"""Seeded stories of servers in outages, lost sessions and late answers, told to the event handler.

No process, no network and no Redis: only the order of Discord's events, checked as chaos checks it.
"""

from __future__ import annotations

from random import Random
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from chaos.facts import seen_of
from chaos.history import History
from chaos.outages import Outages
from chaos.position import Position
from chaos.workload import Workload
from simulator import BOT_ID, dispatches
from simulator.model import Guild, Presence
from simulator.options import Options
from simulator.server import Simulator
from tests.gateway.gateway_fixture import GatewayFixture

STEPS = 500
STEP_S = 3600.0
PEOPLE = 20


class Answer(Struct):
    """What Discord is about to answer to a request for members."""

    due: int  # the step
    guild_id: str
    user_id: str | None  # None: all members


class Discord:
    """The simulator's world, and one session with the gateway that is lost now and then."""

    def __init__(self, seed: int, *, moves: float = 0.2, settings: float = 0.0) -> None:
        """`moves`, `settings`: as of the Workload. Some people have settings at first, if any."""
        self.random = Random(seed)
        options = Options(port=0, members=PEOPLE, guilds=3, shards=1, seed=seed, rate=0)
        options.private_people = 0.3 if settings else 0.0
        self.world = Simulator(options).world
        self.now = 0.0
        self.history = History(self.world)  # half a minute does not pass
        self.history.outages = Outages(self.world, lambda: self.now)
        self.people = Workload(self.world, self.history, seed)
        self.people.moves, self.people.settings = moves, settings
        self.gateway = GatewayFixture()
        self.events_left: int | None = 0  # until the session is lost; None: it is not
        self.answers: list[Answer] = []
        self.shown: dict[str, Position] = {}
        self.problems: list[str] = []
        self.world.audience = self
        self.largest = max(self.world.guilds.values(), key=lambda guild: len(guild.members)).id

    def tell(self, name: str, guild_id: str | None, d: object) -> None:
        """As simulator.world.Audience."""
        if self.events_left is not None:
            self.events_left -= 1
        if self.is_heard:
            self.gateway.handle(name, msgspec.json.decode(msgspec.json.encode(d)))

    def tell_guild(self, guild: Guild, *, joined: bool) -> None:
        """The largest guild comes without its members: they have to be requested."""
        listed = [] if guild.id == self.largest else [*guild.members]
        created = dispatches.guild_create(
            guild, *self._listed(guild, listed), large=guild.id == self.largest, joined=joined
        )
        self.tell("GUILD_CREATE", guild.id, created)

    async def room(self) -> bool:
        return True

    @property
    def is_heard(self) -> bool:
        return self.events_left is None or self.events_left >= 0

    def identify(self) -> None:
        """A new session: guilds in an outage come when that is over."""
        self.events_left = None
        self.answers.clear()
        self.history.half_minute.disturb()
        for guild_id in self.world.guilds:
            self.history.outages.begin(guild_id, by_shard=True)
        self.tell("READY", None, {"guilds": [{"id": one} for one in self.world.guilds]})
        for guild in self.world.guilds.values():
            if guild.available:
                self.tell_guild(guild, joined=False)
                self.look()
        for guild_id in self.world.guilds.keys() - {self.largest}:
            self.history.outages.end(guild_id, by_shard=True)

    def answer(self, step: int) -> None:
        """Requests are answered after some of the changes that follow."""
        requests = self.gateway.requests
        asked = {str(one) for one in requests.guilds}  # anew: an earlier answer counts no more
        self.answers = [one for one in self.answers if one.user_id or one.guild_id not in asked]
        for guild_id in requests.guilds:
            due = step + self.random.choice((3, 60, 150))
            self.answers.append(Answer(due, str(guild_id), None))
        for guild_id, user_id in requests.users:
            due = step + self.random.choice((1, 5, 30))
            self.answers.append(Answer(due, str(guild_id), str(user_id)))
        requests.guilds.clear()
        requests.users.clear()
        for one in [one for one in self.answers if one.due <= step]:
            self.answers.remove(one)
            guild = self.world.guilds[one.guild_id]
            if self.is_heard and guild.available:
                self._chunk(guild, one.user_id)

    def look(self) -> None:
        """Nothing may be shown that was never true, and nothing older than before."""
        for user_id, _ in self.gateway.users:
            name = str(user_id)
            if name == BOT_ID:
                continue
            now = self.gateway.shown(user_id)
            seen = seen_of(Presence(now["status"], now["activities"], now["client_status"]))
            position = self.shown.setdefault(name, Position())
            if problem := position.moves_to(self.history, name, seen, None):
                self.problems.append(f"user {name} {problem}")

    def live(self, step: int) -> None:
        """One change, and perhaps the beginning or the end of a fault."""
        self.now += STEP_S
        self.people.step()
        self.answer(step)
        self.look()
        chance = self.random.random()
        if self.events_left is None and chance < 0.01:
            self.events_left = self.random.randrange(12)
        elif not self.is_heard and chance < 0.03:
            self.identify()
        elif chance > 0.985:
            guild = self.random.choice([*self.world.guilds.values()])
            change = self.history.outages.begin if guild.available else self.history.outages.end
            change(guild.id)
            self.world.set_available(guild.id, not guild.available)
            self.look()

    def _chunk(self, guild: Guild, user_id: str | None) -> None:
        asked = [*guild.members] if user_id is None else [user_id]
        found = [one for one in asked if one in guild.members]
        members, presences = self._listed(guild, found)
        chunk: dict[str, Any] = {
            "guild_id": guild.id,
            "members": members,
            "presences": [one for one in presences if one["status"] != "offline"],
            "not_found": sorted({*asked} - {*found}),
            "chunk_index": 0,
            "chunk_count": 1 if user_id is None else 2,  # for RecordingRequests: one ends no list
        }
        self.tell("GUILD_MEMBERS_CHUNK", guild.id, chunk)
        if user_id is None:
            self.look()
            self.history.outages.end(guild.id, by_shard=True)

    def _listed(self, guild: Guild, user_ids: list[str]) -> tuple[list[Any], list[Any]]:
        people = [self.world.people[one] for one in user_ids]
        return (
            [dispatches.member(one.user, guild.members[one.user.id]) for one in people],
            [
                dispatches.nested_presence(one.user.id, self.world.presence_in(one, guild))
                for one in people
                if one.user.id != BOT_ID
            ],
        )


@pytest.mark.parametrize("seed", range(10))
def test_nothing_is_shown_that_was_never_true(seed: int) -> None:
    """Nor anything older after something newer."""
    assert problems(Discord(seed)) == []


@pytest.mark.parametrize("seed", range(10))
def test_where_people_change_settings_what_is_hidden_for_half_a_minute_is_hidden_once(
    seed: int,
) -> None:
    """But for a server that is yet to be listed, in a new session or after an outage. People stay:
    what only a server showed that was left is hidden, too."""
    assert problems(Discord(seed, moves=0.0, settings=0.03)) == []


def problems(discord: Discord) -> list[str]:
    discord.identify()
    for step in range(STEPS):
        discord.live(step)
    return discord.problems
