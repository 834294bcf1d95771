"""The rate limit's arithmetic, on a clock of its own."""

from simulator.options import Options
from simulator.ratelimit import RateLimits


def test_a_window_opens_again() -> None:
    """After the window's end the whole limit is there again."""
    now = [1000.0]
    limits = RateLimits(Options(rest_limit=1, rest_window_seconds=10), clock=lambda: now[0])
    assert limits.take("/a").retry_after is None
    now[0] += 4
    refused = limits.take("/a")
    assert refused.retry_after == 6
    assert refused.headers["X-RateLimit-Reset"] == "1010.000"
    assert limits.take("/b").retry_after is None
    now[0] += 6
    assert limits.take("/a").retry_after is None


def test_buckets_have_names_of_their_own() -> None:
    """Two routes never share a bucket; one route keeps its own."""
    limits = RateLimits(Options())
    names = [limits.take(route).headers["X-RateLimit-Bucket"] for route in ("/a", "/b", "/a")]
    assert names[0] == names[2] != names[1]


def test_the_global_limit_is_per_second() -> None:
    """The first request of the next second passes."""
    now = [1000.0]
    limits = RateLimits(Options(rest_global_limit=2), clock=lambda: now[0])
    assert [limits.take(route).is_global for route in "abc"] == [False, False, True]
    now[0] += 1
    assert not limits.take("d").is_global
