"""How much an address does in a window."""

from __future__ import annotations

from shared.net.fixed_window import WINDOW_S, FixedWindowCounter


class Clock:
    """Seconds, set by the test."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_each_address_is_counted_by_itself() -> None:
    """By one, or by an amount."""
    counter = FixedWindowCounter()
    counts = [counter.count("a"), counter.count("a", 5), counter.count("b"), counter.count("a")]
    assert counts == [1, 6, 1, 7]
    assert 0 < counter.remaining_s <= WINDOW_S


def test_the_next_window_starts_at_zero() -> None:
    """For every address at the same moment."""
    clock = Clock()
    counter = FixedWindowCounter(10.0, clock=clock)
    assert counter.count("a", 3) == 3
    clock.now += 9.75
    assert counter.count("a") == 4
    assert counter.remaining_s == 0.25
    clock.now += 0.25
    assert counter.count("a") == 1


def test_memory_is_bounded() -> None:
    """A flood from more addresses than are counted starts a new window."""
    counter = FixedWindowCounter(max_addresses=10)
    for number in range(100):
        counter.count(f"8.8.8.{number}")
        assert len(counter._counts) <= 10
