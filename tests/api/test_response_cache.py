"""What the cache stores and drops, step by step, without Redis."""

from __future__ import annotations

import pytest

from services.api.middleware.response_cache import ACTIVITY_PATH, USER_PATH, ResponseCache
from shared.http.responses import cacheable

FAR = float("inf")
ROBIN = 1274150219482660897
PATH = f"{USER_PATH}{ROBIN}"
OLD, NEW = cacheable(b'"old"'), cacheable(b'"new"')


@pytest.fixture
def cache() -> ResponseCache:
    cache = ResponseCache()
    cache.confirmed(FAR)
    return cache


def test_a_response_is_stored(cache: ResponseCache) -> None:
    with cache.loading(ROBIN) as load:
        load.store(USER_PATH, 1, OLD)
    assert cache.get(PATH) is OLD


def test_nothing_is_stored_before_invalidation_works() -> None:
    """The invalidation connection must be proved before the read begins."""
    cache = ResponseCache()
    with cache.loading(ROBIN) as load:
        cache.confirmed(FAR)
        load.store(USER_PATH, 1, OLD)
    assert len(cache) == 0


def test_a_change_drops_both_responses(cache: ResponseCache) -> None:
    for route in (USER_PATH, ACTIVITY_PATH):
        with cache.loading(ROBIN) as load:
            load.store(route, 1, OLD)
    cache.changed(ROBIN)
    assert (len(cache), cache.size) == (0, 0)


@pytest.mark.parametrize("event", ["changed", "flushed", "cut", "cut and back"])
def test_invalidation_during_a_load(cache: ResponseCache, event: str) -> None:
    """The response may be older than the change, so it is not stored; the next one is."""
    with cache.loading(ROBIN) as load:
        if event == "changed":
            cache.changed(ROBIN)
        elif event == "flushed":
            cache.flushed()
        else:
            cache.on_disconnect()
        if event == "cut and back":
            cache.confirmed(FAR)
        load.store(USER_PATH, 1, OLD)
    assert len(cache) == 0
    cache.confirmed(FAR)
    with cache.loading(ROBIN) as load:
        load.store(USER_PATH, 2, NEW)
    assert cache.get(PATH) is NEW


def test_a_change_of_another_user(cache: ResponseCache) -> None:
    with cache.loading(ROBIN) as load:
        cache.changed(ROBIN + 1)
        load.store(USER_PATH, 1, OLD)
    assert cache.get(PATH) is OLD


def test_a_slow_load_stores_nothing_old(cache: ResponseCache) -> None:
    """It began first and ends last; no change was reported yet."""
    with cache.loading(ROBIN) as slow:
        with cache.loading(ROBIN) as fast:
            fast.store(USER_PATH, 2, NEW)
        slow.store(USER_PATH, 1, OLD)
    assert cache.get(PATH) is NEW


def test_a_change_between_overlapping_loads(cache: ResponseCache) -> None:
    """The later load is stored, whichever ends first."""
    with cache.loading(ROBIN) as before:
        cache.changed(ROBIN)
        with cache.loading(ROBIN) as after:
            before.store(USER_PATH, 1, OLD)
            assert len(cache) == 0
            after.store(USER_PATH, 2, NEW)
    assert cache.get(PATH) is NEW


def test_routes_agree_on_the_version(cache: ResponseCache) -> None:
    """A client that got version 2 from one route never gets version 1 from the other."""
    with cache.loading(ROBIN) as load:
        load.store(USER_PATH, 1, OLD)
    with cache.loading(ROBIN) as load:
        load.store(ACTIVITY_PATH, 2, NEW)
    assert cache.get(PATH) is None


def test_a_failed_load_leaves_nothing_behind(cache: ResponseCache) -> None:
    with pytest.raises(LookupError), cache.loading(ROBIN):
        raise LookupError
    assert cache._loads == {}


def test_unknown_users_take_no_memory(cache: ResponseCache) -> None:
    for stranger in range(1000):
        with cache.loading(stranger):
            pass
    assert (len(cache), cache.size, cache._loads) == (0, 0, {})


def test_a_response_expires(cache: ResponseCache) -> None:
    with cache.loading(ROBIN) as load:
        load.store(USER_PATH, 1, OLD, until=0.0)
    assert cache.get(PATH) is None


def test_a_silent_connection_invalidates_everything(cache: ResponseCache) -> None:
    with cache.loading(ROBIN) as load:
        load.store(USER_PATH, 1, OLD)
    cache.confirmed(0.0)
    assert cache.get(PATH) is None
    assert not cache.trusted


def test_a_lost_connection_empties_it(cache: ResponseCache) -> None:
    with cache.loading(ROBIN) as load:
        load.store(USER_PATH, 1, OLD)
    cache.on_disconnect()
    cache.confirmed(FAR)
    assert (len(cache), cache.size) == (0, 0)


def test_the_number_of_entries_is_bounded() -> None:
    """The oldest are evicted first; storing again makes an entry new."""
    cache = ResponseCache(max_entries=2)
    cache.confirmed(FAR)
    for user_id in (1, 2, 1, 3):
        with cache.loading(user_id) as load:
            load.store(USER_PATH, 1, OLD)
    assert [cache.get(f"{USER_PATH}{user_id}") is not None for user_id in (1, 2, 3)] == [1, 0, 1]


def test_the_size_is_bounded() -> None:
    cache = ResponseCache(max_bytes=10_000)
    cache.confirmed(FAR)
    for user_id in range(100):
        with cache.loading(user_id) as load:
            load.store(USER_PATH, 1, cacheable(b"x" * 2000))
            assert cache.size <= 10_000
    assert len(cache) == 3
