"""Everything that was ever true, in order: what may be shown, and never backwards."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import combinations
from typing import TypeVar

from chaos.facts import NOTHING, Devices, Names, Seen, Who, facts_of, seen_of, without_players
from chaos.half_minute import (
    HIDDEN_FOR_ELSEWHERE_S,
    HIDDEN_FOR_S,
    KINDS,
    NOTHING_MISSING,
    HalfMinute,
    Missing,
    kind_of,
)
from chaos.outages import Outages
from chaos.privacy_check import SHOWS_ALL, Choice, PrivacyCheck
from simulator.model import Guild, Person, Presence
from simulator.privacy import Privacy, hidden_in, presence_in_any
from simulator.snowflakes import shard_of
from simulator.world import World

T = TypeVar("T")

Truth = tuple[Seen, Who] | None
"""What is to be seen of a user; None: nothing, they are not monitored."""


class History:
    """Every state of every simulated user. Each change of the world is recorded with it."""

    def __init__(
        self, world: World, shards: int = 1, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.world = world
        self.half_minute = HalfMinute(
            HIDDEN_FOR_S if shards == 1 else HIDDEN_FOR_ELSEWHERE_S, clock
        )
        self.outages = Outages(world, clock)
        self._shards = shards
        self._differ: set[str] = set()  # users who looked different in two guilds
        self.privacy = PrivacyCheck()
        self._choosers: set[str] = set()
        self._without_players: dict[str, list[Seen]] = {}  # states of those who may become choosers
        self._have_left: set[str] = set()
        self._heard_of: dict[str, set[int]] = {}  # by user: the shards that ever told of them
        self.seen: dict[str, list[Seen]] = {}
        self.missing: dict[str, list[Missing]] = {}
        """By user, of each of `seen`: what is hidden there only for half a minute."""
        self.incomplete: dict[str, set[Seen]] = {}
        """By user: what the guilds of some of their shards showed, without the others."""
        self.names: dict[str, list[Names]] = {}
        self.devices: dict[str, list[Devices]] = {}
        for person in world.people.values():
            self.note(person)
        self._stays = self.members()

    def note(self, person: Person) -> None:
        """The person has changed."""
        shown = self.world.shown_presence(person)
        _, who = facts_of(person, shown)
        self._heard_of.setdefault(person.user.id, set()).update(
            shard_of(guild_id, self._shards) for guild_id in person.guilds
        )
        if self.world.privacy(person.user.id) != Privacy():
            self._differ.add(person.user.id)
            self.incomplete.setdefault(person.user.id, set()).update(self._incomplete(person))
        if self.differs_by_guild(person.user.id):
            guilds = [self.world.guilds[guild_id] for guild_id in person.guilds]
            reports = {one.id: self.world.presence_in(person, one) for one in guilds}
            self.half_minute.pass_on(person.user.id, shown, reports)
        states = [
            *self.half_minute.without(person.user.id, shown, in_parts=True),
            (shown, NOTHING_MISSING),
        ]
        for state, missing in states:
            rest = without_players(state)
            if person.user.id in self._choosers:
                self._add_seen(person.user.id, seen_of(rest), missing)
            elif rest != state:
                self._without_players.setdefault(person.user.id, []).append(seen_of(rest))
            self._add_seen(person.user.id, seen_of(state), missing)
        _add(self.names.setdefault(person.user.id, []), who.names)
        _add(self.devices.setdefault(person.user.id, []), who.devices)

    def note_join(self, person: Person) -> None:
        """Discord reports the join; the presence is unknown until it is requested."""
        self._stays.discard(person.user.id)
        self._add_seen(person.user.id, NOTHING)
        _add(self.devices.setdefault(person.user.id, []), ())
        self.note(person)

    def share(self, person: Person, privacy: Privacy) -> None:
        """The person changes these settings in Discord; their guilds are told."""
        user_id, guilds = person.user.id, [self.world.guilds[one] for one in person.guilds]
        earlier = self.world.privacy(user_id)
        before = [self.world.presence_in(person, guild).activities for guild in guilds]
        self.world.set_privacy(user_id, privacy)
        still = self.world.shown_presence(person).activities
        for guild, shown in zip(guilds, before, strict=True):
            for kinds, was, hides in zip(
                KINDS, hidden_in(earlier, guild), hidden_in(privacy, guild), strict=True
            ):
                if hides and not was:
                    gone = [one for one in shown if kind_of(one) in kinds and one in still]
                    self.half_minute.stop(user_id, guild.id, kinds, gone)
                elif was and not hides:
                    self.half_minute.start(user_id, guild.id, kinds)
        self.note(person)

    def note_left(self, person: Person) -> None:
        """The person has left a guild."""
        self._stays.discard(person.user.id)
        if person.guilds:
            self.note(person)  # what only that guild was shown is gone
        else:
            self._have_left.add(person.user.id)

    def may_show(self, user_id: str, choice: Choice) -> None:
        """A change to this choice is about to be stored. From now on each part of what is shown of
        the person may be missing, and come back: also of states that are on their way."""
        self._choosers.add(user_id)
        for seen in self._without_players.pop(user_id, ()):
            self._add_seen(user_id, seen)
        self._add_seen(user_id, NOTHING)
        _add(self.devices.setdefault(user_id, []), ())
        self.note(self.world.people[user_id])

    def choose(self, user_id: str) -> None:
        """The choice in `privacy` is stored."""
        self.note(self.world.people[user_id])

    def members(self) -> set[str]:
        """The ids of all current members of any guild, without those who are hidden."""
        return {
            user
            for guild in self.world.guilds.values()
            for user in guild.members
            if self._choice(user).visible
        }

    def may_have_gone(self, user_id: str) -> bool:
        """Whether the person was not to be seen for a time, in no guild or hidden."""
        return user_id in self._have_left or user_id in self._choosers

    def was_always_there(self, user_id: str) -> bool:
        """Whether the person has been in the same guilds all the time, and has hidden nothing."""
        return user_id in self._stays and user_id not in self._choosers

    def chooses(self, user_id: str) -> bool:
        """Whether the person has changed what is shown of them: then any part may come again."""
        return user_id in self._choosers

    def is_heard_twice(self, user_id: str) -> bool:
        """Whether two of Discord's shards have told of the user, each in its own time."""
        return len(self._heard_of.get(user_id, ())) > 1

    def truth(self, user_id: str) -> Truth:
        """What must be shown of the user now."""
        person = self._visible(user_id)
        return self._chosen(person, self.world.shown_presence(person)) if person else None

    def permitted(self, user_id: str) -> list[Truth]:
        """The truth, and what may be shown in its place for half a minute."""
        person = self._visible(user_id)
        if person is None:
            return [None]
        shown = self.world.shown_presence(person)
        partial = [one for one, _ in self.half_minute.without(user_id, shown)]
        return [self._chosen(person, one) for one in (shown, *partial)]

    def _visible(self, user_id: str) -> Person | None:
        """None: they are in no guild, or hidden."""
        person = self.world.people.get(user_id)
        is_visible = person is not None and person.guilds and self._choice(user_id).visible
        return person if is_visible else None

    def _chosen(self, person: Person, shown: Presence) -> Truth:
        choice = self._choice(person.user.id)
        if "listening" in choice.hidden:
            shown = without_players(shown)
        return choice.shown(*facts_of(person, shown))

    def _add_seen(self, user_id: str, seen: Seen, missing: Missing = NOTHING_MISSING) -> None:
        states, missings = self.seen.setdefault(user_id, []), self.missing.setdefault(user_id, [])
        if not states or (states[-1], missings[-1]) != (seen, missing):
            states.append(seen)
            missings.append(missing)

    def _incomplete(self, person: Person) -> Iterator[Seen]:
        by_shard: dict[int, list[Guild]] = {}
        for guild_id in person.guilds:
            guilds = by_shard.setdefault(shard_of(guild_id, self._shards), [])
            guilds.append(self.world.guilds[guild_id])
        privacy = self.world.privacy(person.user.id)
        for number in range(1, len(by_shard)):
            for some in combinations(by_shard.values(), number):
                guilds = [guild for guilds in some for guild in guilds]
                yield seen_of(presence_in_any(person, privacy, guilds))

    def _choice(self, user_id: str) -> Choice:
        return self.privacy.choices.get(user_id, SHOWS_ALL)

    def differs_by_guild(self, user_id: str) -> bool:
        """Whether guilds may be shown different things of the user, or were. What two of them show
        in part arrives in parts, each in its own order."""
        return user_id in self._differ


def _add(states: list[T], state: T) -> None:
    if not states or states[-1] != state:
        states.append(state)
