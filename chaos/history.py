"""Everything that was ever true, in order: what may be shown, and never backwards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from operator import attrgetter
from typing import Final, TypeVar

from chaos.facts import NOTHING, Devices, Names, Seen, Who, facts_of, seen_of, without_players
from chaos.privacy_check import SHOWS_ALL, Choice, PrivacyCheck
from simulator.model import Guild, Person
from simulator.privacy import Privacy, presence_in_any
from simulator.snowflakes import shard_of
from simulator.world import World

T = TypeVar("T")

ACTIVITIES: Final = attrgetter("activities")
PARTS: Final = (
    attrgetter("status"),
    attrgetter("song"),
    ACTIVITIES,
    attrgetter("custom"),
)


_ALIKE: Final = 2


class History:
    """Every state of every simulated user. Each change of the world is recorded with it."""

    def __init__(self, world: World, shards: int = 1) -> None:
        self.world = world
        self._shards = shards
        self.privacy = PrivacyCheck()
        self._choosers: set[str] = set()
        self._have_left: set[str] = set()
        self._heard_of: dict[str, set[int]] = {}  # by user: the shards that ever told of them
        self.seen: dict[str, list[Seen]] = {}
        self.incomplete: dict[str, set[Seen]] = {}
        """By user: what the guilds of some of their shards showed, without the others."""
        self.names: dict[str, list[Names]] = {}
        self.devices: dict[str, list[Devices]] = {}
        for person in world.people.values():
            self.note(person)

    def note(self, person: Person) -> None:
        """The person has changed."""
        shown = self.world.shown_presence(person)
        seen, who = facts_of(person, shown)
        self._heard_of.setdefault(person.user.id, set()).update(
            shard_of(guild_id, self._shards) for guild_id in person.guilds
        )
        if self.differs_by_guild(person.user.id):
            self.incomplete.setdefault(person.user.id, set()).update(self._incomplete(person))
        if person.user.id in self._choosers:
            _add(self.seen.setdefault(person.user.id, []), seen_of(without_players(shown)))
        _add(self.seen.setdefault(person.user.id, []), seen)
        _add(self.names.setdefault(person.user.id, []), who.names)
        _add(self.devices.setdefault(person.user.id, []), who.devices)

    def note_join(self, person: Person) -> None:
        """Discord reports the join; the presence is unknown until it is requested."""
        _add(self.seen.setdefault(person.user.id, []), NOTHING)
        _add(self.devices.setdefault(person.user.id, []), ())
        self.note(person)

    def note_gone(self, user_id: str) -> None:
        """The person is in no guild any more."""
        self._have_left.add(user_id)

    def may_show(self, user_id: str, choice: Choice) -> None:
        """A change to this choice is about to be stored. From now on each part of what is shown of
        the person may be missing, and come back."""
        self._choosers.add(user_id)
        _add(self.seen.setdefault(user_id, []), NOTHING)
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

    def chooses(self, user_id: str) -> bool:
        """Whether the person has changed what is shown of them: then any part may come again."""
        return user_id in self._choosers

    def is_heard_twice(self, user_id: str) -> bool:
        """Whether two of Discord's shards have told of the user, each in its own time."""
        return len(self._heard_of.get(user_id, ())) > 1

    def truth(self, user_id: str) -> tuple[Seen, Who] | None:
        """What must be shown of the user now; None: nothing, they are in no guild."""
        person = self.world.people.get(user_id)
        choice = self._choice(user_id)
        if person is None or not person.guilds or not choice.visible:
            return None
        shown = self.world.shown_presence(person)
        if "listening" in choice.hidden:
            shown = without_players(shown)
        return choice.shown(*facts_of(person, shown))

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
        """Whether guilds may be shown different things of the user. What two of them show in part
        arrives in parts, each in its own order."""
        return self.world.privacy(user_id) != Privacy()


class Position:
    """How far one reader is in one person's history.

    Names and devices come to the gateway by different events, so each has an order of its own. So
    has each part of a presence of which guilds are shown different parts, or two shards tell: one
    of them may be far behind.
    """

    __slots__ = ("_devices", "_names", "_parts", "_seen")

    def __init__(self) -> None:
        self._seen, self._names, self._devices = _Order(), _Order(), _Order()
        self._parts = [_Order() for _ in PARTS]

    def moves_to(
        self,
        history: History,
        user_id: str,
        seen: Seen | None,
        who: Who | None,
        setback: int = 0,
        *,
        is_incomplete: bool = False,
    ) -> str:
        """Take what the reader is shown now. Gives what is wrong with it, or an empty string.

        `setback`: the number of the time that Redis came back with older data, if that may be
        seen now. Each time is good for one step back, of each order. `is_incomplete`: Redis has
        lost data, and what is written so far may be of some shards only, each as of its own time.
        """
        is_heard_twice = history.is_heard_twice(user_id)
        differs = history.differs_by_guild(user_id)
        chooses = history.chooses(user_id)
        any_order = chooses or (is_heard_twice and differs)
        problems = []
        if seen is not None:
            states = history.seen.get(user_id, [])
            if differs or is_heard_twice or chooses:
                some = history.incomplete.get(user_id, ()) if is_incomplete else ()
                for part, order in zip(PARTS, self._parts, strict=True):
                    parts, shown = [part(state) for state in states], part(seen)
                    is_partial = any(part(state) == shown for state in some)
                    if part is ACTIVITIES and is_incomplete and is_heard_twice:
                        is_partial = is_partial or _is_mixed(shown, parts)
                    if shown in parts or not is_partial:
                        problems.append(order.move(parts, shown, setback, any_order))
            else:
                problems.append(self._seen.move(states, seen, setback, any_order))
        if who is not None:
            names = history.names.get(user_id, [])
            problems.append(self._names.move(names, who.names, setback, is_heard_twice))
            devices = history.devices.get(user_id, [])
            problems.append(self._devices.move(devices, who.devices, setback, any_order))
        return "; ".join(filter(None, problems))


class _Order:
    """A place among states that follow each other."""

    __slots__ = ("_at", "_setbacks")

    def __init__(self) -> None:
        self._at = 0
        self._setbacks = 0  # that have been seen

    def move(self, states: Sequence[T], state: T, setback: int, any_order: bool) -> str:
        """Go on to this state; what is wrong where it is not further on."""
        start = self._at
        for at in range(start, len(states)):
            if states[at] == state:
                self._at = at
                return ""
        if state not in states:
            return (
                f"was never true: {state}; most like it {_most_like(states, state)}; "
                f"lately {list(states[-3:])}"
            )
        was = states.index(state)
        if any_order:
            return ""
        if setback > self._setbacks:
            # An earlier one may be seen only after a later one has begun; hence not `= setback`.
            self._setbacks = max(self._setbacks + 1, setback - 1)
            self._at = was
            return ""
        return f"went back from {start}: {states[start]} to {was}: {state}, of {len(states)}"


def _is_mixed(shown: Sequence[object], states: Sequence[Sequence[object]]) -> bool:
    """Whether each of these activities was shown at some time: by two shards, of which one is late
    and nothing is left to tell so."""
    return all(any(activity in state for state in states) for activity in shown)


def _most_like(states: Sequence[T], state: T) -> str:
    """Of a whole presence, the states that have most of its parts: each with its place."""
    if not isinstance(state, Seen):
        return "none"
    alike = [
        (sum(part(one) == part(state) for part in PARTS), place) for place, one in enumerate(states)
    ]
    nearest = sorted(place for _, place in sorted(alike)[-_ALIKE:])
    return ", ".join(f"{place}: {states[place]}" for place in nearest)


def _add(states: list[T], state: T) -> None:
    if not states or states[-1] != state:
        states.append(state)
