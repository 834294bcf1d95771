"""Everything that was ever true, in order: what may be shown, and never backwards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from chaos.facts import NOTHING, Devices, Names, Seen, Who, facts_of
from simulator.model import Person
from simulator.world import World

T = TypeVar("T")


class History:
    """Of every person of the world. Whoever changes the world notes it in the same breath."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.seen: dict[str, list[Seen]] = {}
        self.names: dict[str, list[Names]] = {}
        self.devices: dict[str, list[Devices]] = {}
        for person in world.people.values():
            self.note(person)

    def note(self, person: Person) -> None:
        """The person has changed."""
        seen, who = facts_of(person)
        _add(self.seen.setdefault(person.user.id, []), seen)
        _add(self.names.setdefault(person.user.id, []), who.names)
        _add(self.devices.setdefault(person.user.id, []), who.devices)

    def note_join(self, person: Person) -> None:
        """Discord says who joined, and only when asked what they do: until then, nothing."""
        _add(self.seen.setdefault(person.user.id, []), NOTHING)
        _add(self.devices.setdefault(person.user.id, []), ())
        self.note(person)

    def members(self) -> set[str]:
        """The ids of all who are in a guild now."""
        return {user for guild in self.world.guilds.values() for user in guild.members}

    def truth(self, user_id: str) -> tuple[Seen, Who] | None:
        """What must be shown of the user now; None: nothing, they are in no guild."""
        person = self.world.people.get(user_id)
        return facts_of(person) if person is not None and person.guilds else None


class Place:
    """How far one reader is in one person's history.

    Names and devices come to the gateway by different events, so each has an order of its own.
    """

    __slots__ = ("_devices", "_names", "_seen")

    def __init__(self) -> None:
        self._seen = self._names = self._devices = 0

    def moves_to(self, history: History, user_id: str, seen: Seen | None, who: Who | None) -> str:
        """Take what the reader is shown now. Gives what is wrong with it, or an empty string."""
        problems = []
        if seen is not None:
            self._seen, problem = _move(history.seen.get(user_id, []), seen, self._seen)
            problems.append(problem)
        if who is not None:
            self._names, problem = _move(history.names.get(user_id, []), who.names, self._names)
            problems.append(problem)
            lately = history.devices.get(user_id, [])
            self._devices, problem = _move(lately, who.devices, self._devices)
            problems.append(problem)
        return "; ".join(filter(None, problems))


def _add(states: list[T], state: T) -> None:
    if not states or states[-1] != state:
        states.append(state)


def _move(states: Sequence[T], state: T, start: int) -> tuple[int, str]:
    """Where the state is in the order, and what is wrong when it is not there."""
    for at in range(start, len(states)):
        if states[at] == state:
            return at, ""
    if state not in states:
        return start, f"was never true: {state}; lately {list(states[-5:])}"
    was = states.index(state)
    return start, f"went back from {start}: {states[start]} to {was}: {state}, of {len(states)}"
