"""Lua scripts are called by hash, and survive a Redis that has forgotten them."""

from __future__ import annotations

from pathlib import Path

import pytest
from redis.exceptions import ResponseError

from shared.redis import keys
from shared.redis import scripts as module
from shared.redis.scripts import Call, Script
from shared.redis.store import Store


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    """Adds ARGV[1] to a set, and gives its size and what it was called with."""
    (tmp_path / "probe.lua").write_text(
        "redis.call('SADD', KEYS[1], ARGV[1])\n"
        "return {redis.call('SCARD', KEYS[1]), ARGV[2], constant and 1 or 0}"
    )
    monkeypatch.setattr(module, "_FOLDER", tmp_path)
    return Script("probe.lua", constant=True)


async def test_a_call_sends_the_script_when_redis_does_not_know_it(
    store: Store, script: Script
) -> None:
    """At the first call, and after Redis was restarted."""
    assert await store.run_script(script, [keys.USERS], 1, b"\xff") == [1, b"\xff", 1]
    assert await store.redis.script_exists(script.sha) == [True]
    await store.redis.script_flush()
    assert await store.run_script(script, [keys.USERS], 2, "x") == [2, b"x", 1]
    assert await store.redis.script_exists(script.sha) == [True]


async def test_a_batch_loads_the_script_when_redis_does_not_know_it(
    store: Store, script: Script
) -> None:
    """Results stand in the order of the calls."""
    calls: list[Call] = [([keys.USERS], [1, "a"]), ([keys.USERS], [2, "b"])]
    assert await script.run_many(store.redis, calls) == [[1, b"a", 1], [2, b"b", 1]]
    await store.redis.script_flush()
    assert await script.run_many(store.redis, calls) == [[2, b"a", 1], [2, b"b", 1]]
    await store.redis.script_flush()
    assert await script.run_many(store.redis, calls[:1]) == [[2, b"a", 1]]
    assert await script.run_many(store.redis, []) == []


async def test_an_error_inside_a_batch_is_raised(store: Store, script: Script) -> None:
    """The calls beside it are made all the same."""
    await store.redis.set(keys.GUILDS, "no set")
    with pytest.raises(ResponseError, match="WRONGTYPE"):
        await script.run_many(store.redis, [([keys.GUILDS], [1, "a"]), ([keys.USERS], [2, "b"])])
    assert await store.redis.scard(keys.USERS) == 1


def test_constants_make_another_script(script: Script) -> None:
    """The hash is that of the whole text."""
    other = Script("probe.lua", constant=False)
    assert other.text.endswith(script.text.partition("\n")[2])
    assert other.sha != script.sha
