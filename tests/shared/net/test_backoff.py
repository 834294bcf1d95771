"""Delays between retries."""

from __future__ import annotations

from shared.net.backoff import Backoff


def test_delays_grow_up_to_the_maximum() -> None:
    """Doubled each time, unless another factor is given."""
    doubling = Backoff(first_s=1.0, max_s=5.0)
    assert [doubling.delay(failures) for failures in range(1, 6)] == [1.0, 2.0, 4.0, 5.0, 5.0]
    slower = Backoff(first_s=1.0, max_s=100.0, factor=1.5)
    assert [slower.delay(failures) for failures in range(1, 4)] == [1.0, 1.5, 2.25]


def test_the_first_delay_is_bounded_too() -> None:
    """A maximum below the first delay wins."""
    assert Backoff(first_s=10.0, max_s=2.0).delay(1) == 2.0


def test_failures_without_end_do_not_overflow() -> None:
    """A server may be away for weeks."""
    assert Backoff(first_s=0.1, max_s=60.0).delay(10**9) == 60.0
