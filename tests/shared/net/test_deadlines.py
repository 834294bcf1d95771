"""Deadlines, checked together, in simulated time."""

from __future__ import annotations

import asyncio

from shared.net.deadlines import Deadlines
from testing.loop_clock import LoopClock


async def test_deadlines_expire_in_their_time(clock: LoopClock) -> None:
    """Each is given out once, whatever the others' durations are."""
    deadlines: Deadlines[str] = Deadlines()
    deadlines.set("long", 10.0)
    deadlines.set("short", 1.0)
    await asyncio.sleep(0.5)
    deadlines.set("later", 1.0)
    assert list(deadlines.expired()) == []
    await asyncio.sleep(0.75)
    assert list(deadlines.expired()) == ["short"]
    await asyncio.sleep(0.5)
    assert list(deadlines.expired()) == ["later"]
    await asyncio.sleep(10.0)
    assert list(deadlines.expired()) == ["long"]
    assert list(deadlines.expired()) == []
    assert len(deadlines) == 0


async def test_a_new_deadline_replaces_the_old_one(clock: LoopClock) -> None:
    """Also one of the same duration: it counts from the last call."""
    deadlines: Deadlines[str] = Deadlines()
    deadlines.set("again", 1.0)
    deadlines.set("other", 5.0)
    await asyncio.sleep(0.75)
    deadlines.set("again", 1.0)
    deadlines.set("other", 1.0)
    await asyncio.sleep(0.75)
    assert list(deadlines.expired()) == []
    assert len(deadlines) == 2
    await asyncio.sleep(0.5)
    assert list(deadlines.expired()) == ["again", "other"]


async def test_a_deadline_that_was_met_is_forgotten(clock: LoopClock) -> None:
    """An owner without one may be cleared as well."""
    deadlines: Deadlines[str] = Deadlines()
    deadlines.clear("nothing")
    deadlines.set("met", 1.0)
    deadlines.clear("met")
    await asyncio.sleep(2.0)
    assert list(deadlines.expired()) == []


async def test_owners_may_change_deadlines_while_the_expired_are_given_out(
    clock: LoopClock,
) -> None:
    """A closing connection has others in its wake: they are not given out, and nothing breaks."""
    deadlines: Deadlines[str] = Deadlines()
    for owner in ("a", "b", "c"):
        deadlines.set(owner, 1.0)
    await asyncio.sleep(2.0)
    found = []
    for owner in deadlines.expired():
        found.append(owner)
        deadlines.clear("b")
        deadlines.set("d", 7.0)
        deadlines.set("e", 1.0)
    assert found == ["a", "c"]
    assert len(deadlines) == 2


async def test_random_durations_leave_nothing_behind(clock: LoopClock) -> None:
    """Each is used once: what is kept for a duration goes with its last deadline."""
    deadlines: Deadlines[int] = Deadlines()
    for owner in range(100):
        deadlines.set(owner, 1.0 + owner / 1000)
        if owner % 2:
            deadlines.clear(owner)
    await asyncio.sleep(2.0)
    assert len(list(deadlines.expired())) == 50
    assert not deadlines._queues
