"""What the simulated people do during a run: seeded changes at a set rate, all of them noted."""

from __future__ import annotations

import asyncio
import itertools
import random
from typing import Final

from chaos.behaviour import Behaviour
from chaos.history import History
from chaos.sharing import other_sharing, some_sharing
from simulator import BOT_ID, catalogue
from simulator.model import Member, Presence, offline
from simulator.people import some_user
from simulator.privacy import SMALL_GUILD_MEMBERS
from simulator.world import World

_TICK: Final = 0.02  # seconds
_MOST_LATE: Final = 0.5  # seconds of changes that are made up for at once
_LARGE: Final = SMALL_GUILD_MEMBERS + 1
"""No guild becomes small or large: that changes what it is shown, but is no event."""


class Workload:
    """Makes all changes of the world during a run, so that every true state is recorded."""

    def __init__(self, world: World, history: History, seed: int) -> None:
        self.rate = 0.0  # changes a second
        self.moves = 0.04  # share of the changes that are a join or a departure
        self.settings = 0.0  # share of the changes that are of a setting in Discord
        self.changes = 0
        self.left: set[str] = set()  # former members
        self._world = world
        self._history = history
        self._rng = random.Random(seed)
        self._behaviour = Behaviour(self._rng)
        self._names = itertools.count(1)
        self._numbers = itertools.count(len(world.people) + 1)
        self._ids = [user_id for user_id in world.people if user_id != BOT_ID]

    async def run(self) -> None:
        """Live until cancelled."""
        loop = asyncio.get_running_loop()
        last, owed = loop.time(), 0.0
        while True:
            await asyncio.sleep(_TICK)
            now = loop.time()
            owed = min(owed + (now - last) * self.rate, max(1.0, self.rate * _MOST_LATE))
            last = now
            while owed >= 1:
                owed -= 1
                self.step()

    def step(self) -> None:
        """One change of some kind."""
        chance = self._rng.random()
        if chance < self.moves / 2:
            self._leave()
        elif chance < self.moves:
            self._join()
        elif chance < self.moves + 0.03:
            self._rename()
        elif chance < self.moves + 0.03 + self.settings:
            self.share()
        else:
            self.show(self._someone())

    def show(self, user_id: str) -> None:
        """The person does something else."""
        person = self._world.people[user_id]
        self._set(user_id, self._behaviour.next(user_id, person.presence))

    def hide(self, of_several: float, of_others: float) -> None:
        """This share of the people in several guilds, and of the others, hides something in some
        guilds, and perhaps in those that they join. Before anything runs."""
        for user_id in self._ids:
            person = self._world.people[user_id]
            share = of_several if len(person.guilds) > 1 else of_others
            if self._rng.random() < share:
                self._world.set_privacy(user_id, some_sharing(self._rng, person.guilds))
                self._history.note(person)

    async def burst(self, events: int) -> None:
        """So many changes as fast as the gateway reads them."""
        for number in range(events):
            self.show(self._someone())
            if number % 128 == 0:
                await self._world.room()
                await asyncio.sleep(0)

    def _set(self, user_id: str, presence: Presence) -> None:
        shown = presence.status, presence.activities, presence.client_status
        self._world.set_presence(user_id, *shown)
        self._history.note(self._world.people[user_id])
        self.changes += 1

    def _someone(self) -> str:
        return self._ids[self._rng.randrange(len(self._ids))]

    def share(self) -> None:
        """A person in several guilds changes what one or some of them are shown."""
        people = map(self._world.people.__getitem__, self._ids)
        person = self._rng.choice([one for one in people if len(one.guilds) > 1])
        privacy = other_sharing(self._rng, self._world.privacy(person.user.id), person.guilds)
        self._history.share(person, privacy)
        self.changes += 1

    def _leave(self) -> None:
        person = self._world.people[self._someone()]
        guilds = [one for one in person.guilds if len(self._world.guilds[one].members) != _LARGE]
        if guilds:
            self._world.remove_member(self._rng.choice(guilds), person.user.id)
            self.changes += 1
            self._history.note_left(person)
            if not person.guilds:
                self.left.add(person.user.id)

    def _join(self) -> None:
        """A former member returns, a new one joins, or a member joins another guild."""
        guilds = self._world.guilds.values()
        growing = [one.id for one in guilds if len(one.members) != SMALL_GUILD_MEMBERS]
        guild_id, chance = self._rng.choice(growing), self._rng.random()
        if chance < 0.4 and self.left:
            user_id = self._rng.choice(sorted(self.left))
            self._world.add_member(guild_id, user_id, Member())
        elif chance < 0.7:
            user = some_user(self._rng, next(self._numbers))
            user_id = user.id
            self._world.add_member(guild_id, user, Member())
            self._world.people[user_id].presence = offline()
            self._ids.append(user_id)
        else:
            user_id = self._someone()
            if guild_id in self._world.people[user_id].guilds:
                return
            self._world.add_member(guild_id, user_id, Member())
        self.left.discard(user_id)
        self._history.note_join(self._world.people[user_id])
        self.changes += 1

    def _rename(self) -> None:
        user_id = self._someone()
        name = f"{self._rng.choice(catalogue.FIRST_NAMES)} {next(self._names)}"
        self._world.update_user(user_id, global_name=name)
        self._history.note(self._world.people[user_id])
        self.changes += 1
