"""How much an address does in a window."""

from __future__ import annotations

import pytest

from shared.net import fixed_window
from shared.net.fixed_window import FixedWindowCounter


def test_each_address_is_counted_by_itself() -> None:
    """One, or so many at once."""
    done = FixedWindowCounter()
    assert [done.count("a"), done.count("a", 5), done.count("b"), done.count("a")] == [1, 6, 1, 7]
    assert 0 < done.left <= fixed_window.WINDOW


def test_the_next_window_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then everybody begins anew."""
    now = 1000.0
    monkeypatch.setattr(fixed_window, "monotonic", lambda: now)
    done = FixedWindowCounter(10.0)
    assert done.count("a", 3) == 3
    now += 9.9
    assert done.count("a") == 4
    now += 0.1
    assert done.count("a") == 1


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood from more addresses than are counted starts a new window."""
    monkeypatch.setattr(fixed_window, "ADDRESSES", 10)
    done = FixedWindowCounter()
    for number in range(100):
        done.count(f"8.8.8.{number}")
        assert len(done._counts) <= 10
