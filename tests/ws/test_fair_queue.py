"""Askers take turns, whatever they ask for."""

from __future__ import annotations

from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from services.ws.fair_queue import FairQueue

BATCH = 128
ATTACKERS, IDS_EACH = 200, 50


def answered(queue: FairQueue[str], batch: int = BATCH) -> list[str]:
    """Take the next batch, and discard all of it."""
    items = queue.first(batch)
    for item in items:
        queue.discard(item)
    return items


def batches_until(queue: FairQueue[str], item: str) -> int:
    return next(number for number in count(1) if item in answered(queue))


def crowded(askers: int) -> FairQueue[str]:
    """Attackers' items of this many askers; then a newcomer's single one."""
    queue: FairQueue[str] = FairQueue()
    for attacker in range(ATTACKERS):
        for number in range(IDS_EACH):
            queue.add(f"{attacker} {number}", attacker % askers)
    queue.add("newcomer's", "newcomer")
    return queue


def test_a_newcomer_waits_for_one_item_of_each_attacker() -> None:
    """With 200 attackers of 50 items it is in the second batch. In the order of arrival it would
    be in the 79th, after 10,000 items."""
    assert batches_until(crowded(ATTACKERS), "newcomer's") == 2
    assert batches_until(crowded(1), "newcomer's") == 1
    assert ATTACKERS * IDS_EACH // BATCH + 1 == 79


def test_an_asker_that_has_had_its_turn_comes_after_the_others() -> None:
    """Even if it asks again at once, and for the same item."""
    queue: FairQueue[str] = FairQueue()
    for item in ("a1", "a2"):
        queue.add(item, "a")
    queue.add("b1", "b")
    assert answered(queue, 1) == ["a1"]
    queue.add("a1", "a")
    assert [answered(queue, 1) for _ in range(3)] == [["b1"], ["a2"], ["a1"]]


def test_an_item_of_several_askers_comes_in_the_first_turn_of_any() -> None:
    """An attacker that asks for others' users as its last ones does not delay them."""
    queue: FairQueue[str] = FairQueue()
    for item in ("x", "y", "shared"):
        queue.add(item, "attacker")
    queue.add("shared", "newcomer")
    assert answered(queue, 2) == ["x", "shared"]
    assert list(queue) == ["y"]


@st.composite
def _requests(draw: st.DrawFn) -> list[tuple[int, int]]:
    """Pairs of an item and its asker."""
    numbers = st.integers(0, 5)
    return draw(st.lists(st.tuples(st.integers(0, 20), numbers), max_size=60))


@given(_requests(), st.integers(1, 8))
def test_everything_is_answered_once_and_in_time(
    requests: list[tuple[int, int]], batch: int
) -> None:
    """An asker with n items waits for n of each other at most, and nothing is left behind."""
    queue: FairQueue[int] = FairQueue()
    asked: dict[int, list[int]] = {}
    for item, asker in requests:
        queue.add(item, asker)
        if item not in asked.setdefault(asker, []):
            asked[asker].append(item)
    order: list[int] = []
    while queue:
        items = queue.first(batch)
        assert 0 < len(items) <= batch
        assert len(set(items)) == len(items)
        for item in items:
            queue.discard(item)
        order += items
    assert sorted(order) == sorted({item for item, _ in requests})
    for items in asked.values():
        assert all(order.index(item) < len(items) * len(asked) for item in items)
    assert not queue._queues
    assert not queue._askers
