"""A queue in which a client that asks for much does not delay one that asks for little."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from itertools import islice, zip_longest
from typing import Generic, TypeVar

Item = TypeVar("Item", bound=Hashable)


class FairQueue(Generic[Item]):
    """Items that wait, each for one or more askers. The askers take turns: the first item of each,
    then the second of each, and so on.

    An asker without a turn since it came waits for one item of each other, however many those have.
    """

    def __init__(self) -> None:
        self._queues: dict[Hashable, dict[Item, None]] = {}  # of each asker; the next turn first
        self._askers: dict[Item, list[Hashable]] = {}  # in the order of arrival

    def __len__(self) -> int:
        return len(self._askers)

    def __contains__(self, item: Item) -> bool:
        return item in self._askers

    def __iter__(self) -> Iterator[Item]:
        return iter(self._askers)

    def add(self, item: Item, asker: Hashable) -> None:
        queue = self._queues.setdefault(asker, {})
        if item not in queue:
            queue[item] = None
            self._askers.setdefault(item, []).append(asker)

    def first(self, count: int) -> list[Item]:
        """The next items, at most so many. They wait until they are discarded."""
        turns = zip_longest(*islice(self._queues.values(), count))
        items = (item for turn in turns for item in turn if item is not None)
        return list(dict.fromkeys(islice(items, count)))

    def discard(self, item: Item) -> None:
        """It waits no longer, and its askers have had their turn."""
        for asker in self._askers.pop(item, ()):
            queue = self._queues.pop(asker)
            del queue[item]
            if queue:
                self._queues[asker] = queue  # after all others
